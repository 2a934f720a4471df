import Flows
import Terms

/// What is remembered of one flow: bits, streams, what its protocol said.
final class Talk {
  /// Bits and numbers kept of one flow.
  static let bitLimit = 64

  @exclusivity(unchecked) var client = IPAddress.unspecified
  @exclusivity(unchecked) var server = IPAddress.unspecified
  @exclusivity(unchecked) var clientPort: UInt16 = 0
  @exclusivity(unchecked) var serverPort: UInt16 = 0
  @exclusivity(unchecked) var application: UInt8 = 0
  /// What the conversation speaks was found out.
  @exclusivity(unchecked) var isKnown = false
  @exclusivity(unchecked) var tlsVersion: UInt16 = 0
  @exclusivity(unchecked) var bits: [Int32] = []
  @exclusivity(unchecked) var numbers: [(name: Int32, value: UInt32)] = []
  let toServer = StreamWindow()
  let toClient = StreamWindow()
  @exclusivity(unchecked) var http: HTTPTalk?
  @exclusivity(unchecked) var tls: TLSTalk?
  /// Nothing more of the stream is worth a look.
  @exclusivity(unchecked) var isDone = false
  /// Both sides have said that they go over to encryption: nothing is looked for in what follows, as
  /// in Suricata unless `encryption-handling` is `full`.
  @exclusivity(unchecked) var isSealed = false
  /// A pass rule keeps the others quiet.
  @exclusivity(unchecked) var isPassed = false
  /// The newest packet that brought bytes.
  @exclusivity(unchecked) var lastIndex: UInt64 = 0
  /// Which sides have said their version (SSH).
  @exclusivity(unchecked) var hasBanner = (toServer: false, toClient: false)

  init() {}

  func window(toServer isToServer: Bool) -> StreamWindow { isToServer ? toServer : toClient }

  /// For another flow.
  func clear() {
    application = 0
    isKnown = false
    tlsVersion = 0
    if !bits.isEmpty { bits.removeAll(keepingCapacity: true) }
    if !numbers.isEmpty { numbers.removeAll(keepingCapacity: true) }
    toServer.clear()
    toClient.clear()
    http = nil
    tls = nil
    isDone = false
    isSealed = false
    isPassed = false
    hasBanner = (false, false)
    lastIndex = 0
  }
}

/// The newest bytes of one direction of a stream, and the rules whose content was seen in them.
final class StreamWindow {
  /// Bytes that are kept when the window moves on, and its size before it does.
  static let kept = 2048
  static let limit = 6144
  /// Rules that wait for more.
  static let pendingLimit = 24

  struct Pending {
    var rule: Int32
    /// Offset in the stream behind which its content was seen.
    var offset: UInt64
  }

  private let store = ByteStore(capacity: 0)
  /// Offset in the stream of the first byte held.
  @exclusivity(unchecked) private(set) var start: UInt64 = 0
  /// Offset behind the last byte held; kept here, so that a packet's test of the stream's length need
  /// not fetch the store.
  @exclusivity(unchecked) private(set) var end: UInt64 = 0
  /// Bytes searched so far, from `start`.
  @exclusivity(unchecked) var searched = 0
  @exclusivity(unchecked) var pending: [Pending] = []
  /// Rules that answered, and where the stream then ended.
  @exclusivity(unchecked) var answered: [Pending] = []

  init() {}

  var bytes: UnsafeRawBufferPointer { store.bytes }

  func clear() {
    store.clear()
    start = 0
    end = 0
    searched = 0
    if !pending.isEmpty { pending.removeAll(keepingCapacity: true) }
    if !answered.isEmpty { answered.removeAll(keepingCapacity: true) }
  }

  func append(_ bytes: UnsafeRawBufferPointer) {
    if store.count + bytes.count > Self.limit, store.count > Self.kept {
      let dropped = store.count - Self.kept
      store.drop(dropped)
      start &+= UInt64(dropped)
      searched = max(searched - dropped, 0)
      if !pending.isEmpty { pending.removeAll { $0.offset <= start } }
    }
    store.append(bytes)
    end = start &+ UInt64(store.count)
  }

  /// Bytes are lost: what follows does not continue what came before.
  func lose(_ count: UInt64) {
    start = end &+ count
    end = start
    store.clear()
    searched = 0
    pending.removeAll(keepingCapacity: true)
    answered.removeAll(keepingCapacity: true)
  }
}
