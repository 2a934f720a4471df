import Analysis
import Flows
import Reports
import Terms

/// What one host asked under one zone; the sums fade.
struct TunnelZone: Sendable {
  var text = ""
  /// Labels that all names share, from the right.
  private var common: [String] = []
  private(set) var names = FadingScore()
  private(set) var information = FadingScore()
  private(set) var length = FadingScore()
  private(set) var entropy = FadingScore()
  /// Names asked for types that carry data, for NULL or private types, and with odd bytes.
  private(set) var rich = FadingScore()
  private(set) var bare = FadingScore()
  private(set) var binary = FadingScore()
  /// Names with a service's label in them.
  private(set) var service = FadingScore()
  /// Bytes of the labels that are not common to all names.
  private(set) var data = FadingScore()
  /// Names one of whose outer labels has the number after that of the name before, beside another of
  /// their own that is no number of an address.
  private(set) var numbered = FadingScore()
  private var numbers = TunnelName.Numbers()
  var answers = FadingScore()
  var answerBytes = FadingScore()
  /// New names, and bytes of questions and answers.
  private(set) var queries: UInt64 = 0
  var bytes: UInt64 = 0
  var servers = AddressSet()
  var first = CaptureTime.distantPast
  private(set) var last = CaptureTime.distantPast
  var packets = PacketSample()
  var thread: ReportThread

  /// Bytes of a label that is a piece of data.
  private static let leastPiece = 8

  init(thread: ReportThread) { self.thread = thread }

  /// The longest part that all names share.
  var domain: String { String(common.reversed().joined(separator: ".").prefix(255)) }

  var meanAnswer: Double { answers.value < 1 ? 0 : answerBytes.value / answers.value }

  /// `sum` per name; all sums faded to the newest name.
  func share(_ sum: FadingScore) -> Double { names.value > 0 ? sum.value / names.value : 0 }

  mutating func take(
    _ name: TunnelName, _ message: DNSMessage, at now: CaptureTime, span: TimeSpan
  ) {
    let labels = name.labels(limit: 128)
    if queries == 0 {
      text = name.zone
      common = Array(labels.dropLast())
    } else {
      let shared = zip(common, labels).prefix { $0 == $1 }.count
      common.removeLast(common.count - shared)
    }
    let load = name.load
    queries &+= 1
    bytes &+= UInt64(max(0, message.size))
    last = now
    names.add(1, at: now, span: span)
    information.add(load.information, at: now, span: span)
    length.add(Double(load.length), at: now, span: span)
    entropy.add(load.entropy, at: now, span: span)
    rich.add(Self.isRich(message.queryType) ? 1 : 0, at: now, span: span)
    bare.add(Self.isBare(message.queryType) ? 1 : 0, at: now, span: span)
    binary.add(load.isBinary ? 1 : 0, at: now, span: span)
    let own = labels.dropFirst(common.count)
    let longest = own.map(\.utf8.count).max() ?? 0
    data.add(own.reduce(0) { $0 + Double($1.utf8.count) }, at: now, span: span)
    let next = name.numbers
    let isNumbered = own.count > 1 && longest >= Self.leastPiece && next.follow(numbers)
    numbered.add(isNumbered ? 1 : 0, at: now, span: span)
    numbers = next
    service.add(name.isService ? 1 : 0, at: now, span: span)
  }

  private static func isRich(_ type: UInt16) -> Bool {
    switch type {
    case DNSMessage.RecordType.txt, DNSMessage.RecordType.mx, DNSMessage.RecordType.cname,
      DNSMessage.RecordType.srv, keyType:
      true
    default: isBare(type)
    }
  }

  /// KEY (RFC 2535), which dns2tcp uses.
  private static let keyType: UInt16 = 25

  /// NULL (experimental since RFC 1035) and types for private use (RFC 6895) have no other user.
  private static func isBare(_ type: UInt16) -> Bool {
    type == DNSMessage.RecordType.null || (0xff00...0xfffe).contains(type)
  }
}

/// Who asks, and who is asked, about one zone.
struct ZoneEnds: Sendable {
  /// Hosts of each kind remembered.
  static let limit = 8

  private var askers: [IPAddress] = []
  private var servers: [IPAddress] = []

  mutating func note(asker: IPAddress, server: IPAddress) {
    if askers.count < Self.limit, !askers.contains(asker) { askers.append(asker) }
    if servers.count < Self.limit, !servers.contains(server) { servers.append(server) }
  }

  /// Servers that ask nobody themselves.
  var far: [IPAddress] { servers.filter { !askers.contains($0) } }
}
