/// Where bytes are searched for the contents that rules are found by.
struct ScanPoint: Hashable, BitwiseCopyable {
  var place: Int

  static let packetToServer = ScanPoint(place: 0)
  static let packetToClient = ScanPoint(place: 1)
  static let streamToServer = ScanPoint(place: 2)
  static let streamToClient = ScanPoint(place: 3)
  static let datagramToServer = ScanPoint(place: 4)
  static let datagramToClient = ScanPoint(place: 5)
  static let icmp = ScanPoint(place: 6)
  static let other = ScanPoint(place: 7)
  private static let firstBuffer = 8

  /// A buffer of some message, not payload nor a bank of it.
  @inline(__always) var isBuffer: Bool { place >= Self.firstBuffer && place < Self.count }

  static let count = firstBuffer + 2 * StickyBuffer.allCases.count

  /// Places at which the same bytes are searched: a segment's are, as a packet and as the newest part
  /// of its stream (see `SegmentSearch`).
  static let payloadFamilies = [
    [packetToServer.place, streamToServer.place], [packetToClient.place, streamToClient.place],
  ]
  /// All that payload is searched at, by what is one search.
  static let payloadKinds =
    payloadFamilies
    + [datagramToServer, datagramToClient, icmp, other].map { [$0.place] }
  /// Places of those that share a database. Most rules for datagrams look at both directions: one
  /// database for both stays in the processor's cache sooner than two. And an HTTP body is a file as
  /// well. What TCP's two directions are searched for has little in common, and many contents to a
  /// server stand in all that servers send.
  static let families =
    payloadFamilies + [[datagramToServer.place, datagramToClient.place]]
    + [(StickyBuffer.httpRequestBody, true), (.httpResponseBody, false)].map { body, toServer in
      [body, .fileData].map { buffer($0.code, toServer: toServer).place }
    }

  static func packet(toServer: Bool) -> ScanPoint { toServer ? packetToServer : packetToClient }
  static func stream(toServer: Bool) -> ScanPoint { toServer ? streamToServer : streamToClient }
  static func datagram(toServer: Bool) -> ScanPoint {
    toServer ? datagramToServer : datagramToClient
  }
  static func buffer(_ code: Int, toServer: Bool) -> ScanPoint {
    ScanPoint(place: firstBuffer + 2 * code + (toServer ? 0 : 1))
  }
}

/// The contents of one scan point.
struct ScanRecord: BitwiseCopyable {
  /// For each pattern of the database, in `patternRules`; empty for one that another point asks for.
  var patterns = Span()
  /// Rules without a content here, in `ruleLists`: evaluated whenever there is something to look at.
  var always = Span()
  /// Octets of the shortest content.
  var shortest: Int64 = 0
  /// The serialised database, in `databases`: 8-byte units would not help, it is copied anyway.
  var databaseStart: Int64 = 0
  var databaseCount: Int64 = 0
  /// Where the table of how the contents end stands in `tails`; -1 for none. See `ContentTails`.
  var tails: Int64 = -1
}

extension StickyBuffer {
  /// Place in `allCases`: a case without values is the number of its place.
  @inline(__always) var code: Int { Int(unsafeBitCast(self, to: UInt8.self)) }
}

extension ApplicationProtocol {
  /// 1 + place in `allCases`; 0 stands for none.
  @inline(__always) var code: UInt8 { unsafeBitCast(self, to: UInt8.self) &+ 1 }
}
