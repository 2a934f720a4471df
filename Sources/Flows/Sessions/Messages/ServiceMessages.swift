/// NTP (RFC 5905), and the control and private modes 6 and 7 that amplify.
public struct NTPMessage: Sendable, Hashable {
  public var version: UInt8 = 0
  /// 3 client, 4 server, 6 control, 7 private.
  public var mode: UInt8 = 0
  public var isResponse = false
  /// Of modes 6 and 7: 42 is monlist.
  public var requestCode: UInt8 = 0
  public var size = 0

  public init() {}
}

/// SNMP versions 1 to 3 (RFC 1157, RFC 3416, RFC 3412).
public struct SNMPMessage: Sendable, Hashable {
  /// 0, 1 and 3 on the wire are versions 1, 2c and 3.
  public var version: UInt8 = 0
  public var community: [UInt8] = []
  /// Context tag of the PDU: 0 get, 1 get-next, 2 response, 3 set, 5 get-bulk.
  public var operation: UInt8 = 0
  /// max-repetitions of a get-bulk.
  public var repetitions = 0
  public var size = 0

  public init() {}
}

/// SSDP (UPnP Device Architecture 2.0, 1.3).
public struct SSDPMessage: Sendable, Hashable {
  /// M-SEARCH, NOTIFY, or empty for a response.
  public var method = ""
  /// The search target (ST).
  public var searchTarget: [UInt8] = []
  public var size = 0

  public init() {}
}

/// Memcached, text or binary, over UDP.
public struct MemcachedMessage: Sendable, Hashable {
  public var isResponse = false
  public var verb = ""
  public var size = 0

  public init() {}
}

/// LDAP over UDP (RFC 1798).
public struct CLDAPMessage: Sendable, Hashable {
  /// Application tag: 3 search request, 4 entry, 5 done.
  public var operation: UInt8 = 0
  public var size = 0

  public init() {}
}

/// The first packet of an RDP client (MS-RDPBCGR 2.2.1.1).
public struct RDPRequest: Sendable, Hashable {
  /// `mstshash`; empty when absent.
  public var user: [UInt8] = []
  /// requestedProtocols: 0 is standard RDP security.
  public var protocols: UInt32 = 0

  public init() {}
}

/// One SMB command or its response (MS-SMB, MS-SMB2).
public struct SMBMessage: Sendable, Hashable {
  /// 1 or 2 (2 stands for all of SMB 2 and 3).
  public var version: UInt8 = 0
  /// The command's code in its version.
  public var command: UInt16 = 0
  public var isResponse = false
  /// NTSTATUS of a response.
  public var status: UInt32 = 0
  /// Of a tree connect and its response: the share's path; else empty. UTF-16 reduced to bytes.
  public var share: [UInt8] = []
  /// Of a request to open: the file's or pipe's name.
  public var file: [UInt8] = []
  /// Of a session set-up with NTLMSSP: the user's name.
  public var user: [UInt8] = []

  public init() {}
}

/// First bytes that one side of an unknown conversation sent.
public struct PayloadSample: Sendable, Hashable {
  /// Bytes kept of each direction.
  public static let limit = 256

  public var isFromClient = true
  /// Bytes that this side had sent before, and the zero-based turn: 0 when this side spoke first.
  public var offset: UInt64 = 0
  public var turn = 0
  public var bytes: [UInt8] = []

  public init() {}
}

/// Two segments for one place in a stream that differ.
public struct SegmentOverlap: Sendable, Hashable {
  /// Bytes kept of each.
  public static let sampleLimit = 64

  public var isFromClient = true
  /// Place of the first differing byte in the stream.
  public var offset: UInt64 = 0
  /// From there on: what came first, and what came later.
  public var before: [UInt8] = []
  public var after: [UInt8] = []
  /// Times to live of the later packet and of the flow's first.
  public var timeToLive: UInt8 = 0
  public var firstTimeToLive: UInt8 = 0

  public init() {}
}
