import Terms

/// A DNS message (RFC 1035), over UDP or TCP.
///
/// Names are in presentation form without the last dot, case kept, bytes other than letters,
/// digits, `-` and `_` as `\DDD` (RFC 4343, 2.1); the root is empty.
public struct DNSMessage: Sendable, Hashable {
  /// Why parsing stopped; what stands before it in the message is valid.
  public enum Malformation: UInt8, Sendable, CaseIterable {
    case none
    /// Shorter than a header.
    case truncatedHeader
    /// A name, a question or a record goes beyond the message.
    case truncated
    /// A compression pointer that does not point backwards, or too many of them.
    case compressionLoop
    /// A name longer than 255 bytes, or a label type that was never assigned.
    case badName
    /// A record whose data does not fit its type.
    case badRecord
    /// Bytes behind the last record.
    case trailingBytes
    /// More records than any sound message of this size can hold.
    case impossibleCounts
  }

  public struct Record: Sendable, Hashable {
    public enum Section: UInt8, Sendable { case answer, authority, additional }
    public enum Value: Sendable, Hashable {
      /// A, AAAA.
      case address(IPAddress)
      /// CNAME, NS, PTR, MX, SRV, SOA: the name therein.
      case name(String)
      /// TXT: the strings joined.
      case text([UInt8])
      case other
    }
    public var section: Section
    public var name: String
    public var type: UInt16
    public var recordClass: UInt16
    public var timeToLive: UInt32
    /// Bytes of data.
    public var length: UInt16
    public var value: Value
  }

  /// Record types (IANA "DNS Parameters").
  public enum RecordType {
    public static let a: UInt16 = 1
    public static let ns: UInt16 = 2
    public static let cname: UInt16 = 5
    public static let soa: UInt16 = 6
    public static let null: UInt16 = 10
    public static let ptr: UInt16 = 12
    public static let mx: UInt16 = 15
    public static let txt: UInt16 = 16
    public static let aaaa: UInt16 = 28
    public static let srv: UInt16 = 33
    public static let opt: UInt16 = 41
    public static let ixfr: UInt16 = 251
    public static let axfr: UInt16 = 252
    public static let any: UInt16 = 255
  }

  /// Records kept; the counts say how many there are.
  public static let recordLimit = 32

  public var id: UInt16 = 0
  /// The header's second word: QR, opcode, AA, TC, RD, RA, Z, RCODE.
  public var flags: UInt16 = 0
  public var questionCount: UInt16 = 0
  public var answerCount: UInt16 = 0
  public var authorityCount: UInt16 = 0
  public var additionalCount: UInt16 = 0
  /// The first question.
  public var name = ""
  /// Bytes of its name on the wire, its longest label, and its labels.
  public var nameLength = 0
  public var longestLabel = 0
  public var labelCount = 0
  public var queryType: UInt16 = 0
  public var queryClass: UInt16 = 0
  public var records: [Record] = []
  /// Bytes of the whole message.
  public var size = 0
  public var malformation = Malformation.none
  /// The capture holds only the beginning of the message, so nothing is said of its soundness.
  public var isCut = false

  public init() {}

  public var isResponse: Bool { flags & 0x8000 != 0 }
  public var opcode: UInt8 { UInt8(truncatingIfNeeded: flags >> 11 & 15) }
  public var isAuthoritative: Bool { flags & 0x0400 != 0 }
  public var isTruncated: Bool { flags & 0x0200 != 0 }
  /// 0 no error, 3 no such name, 5 refused.
  public var responseCode: UInt8 { UInt8(truncatingIfNeeded: flags & 15) }
}
