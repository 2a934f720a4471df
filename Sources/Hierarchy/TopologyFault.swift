/// One rule that a topology or schema file breaks, and where.
public struct TopologyFault: Error, Hashable, Sendable {
  /// The path as it was given.
  public let file: String
  /// Counted from 1; columns in Unicode scalars.
  public let line: Int
  public let column: Int
  public let kind: Kind
  /// The nearest right name, where there is one.
  public let suggestion: String?

  public init(file: String, line: Int, column: Int, kind: Kind, suggestion: String? = nil) {
    self.file = file
    self.line = line
    self.column = column
    self.kind = kind
    self.suggestion = suggestion
  }

  /// What is wrong, in words, without place, rule or suggestion.
  public var message: String { kind.message }
}

extension TopologyFault {
  /// The rules. Texts quoted from the file are carried as they stand there.
  public enum Kind: Hashable, Sendable {
    /// The file cannot be opened or read.
    case unreadable(String)
    /// The file is longer than `YAMLFile.byteLimit`.
    case tooLarge(limit: Int)
    /// The bytes are not UTF-8.
    case notText
    /// The text is not YAML.
    case syntax(String)
    /// The file says nothing.
    case empty
    /// Nested deeper than `YAMLFile.depthLimit`.
    case tooDeep(limit: Int)
    /// More values than `YAMLFile.nodeLimit`, or a longer list than `YAMLFile.listLimit`.
    case tooMany(String, limit: Int)
    /// An alias (`*name`); the format has none, so that a small file stays small.
    case alias
    /// `beryl:` names a version other than 1.
    case wrongVersion(String)
    /// A key that must be there is not.
    case missingKey(String, of: String)
    /// A key that means nothing here.
    case unknownKey(String, of: String)
    /// A key that means something elsewhere, but nothing for this tier or measure.
    case misplacedKey(String, of: String)
    /// A key given twice in one mapping.
    case duplicateKey(String, firstLine: Int)
    /// A mapping where a list is due, and the like.
    case wrongShape(due: Shape, found: Shape)
    /// A value that is not of the form due.
    case malformed(String, ValueForm)
    /// A number with no unit, or one that is not of the quantity due.
    case wrongUnit(String, ValueForm)
    /// A value of the right form outside its range.
    case outOfRange(String, range: String)
    /// A name that nothing carries.
    case unknownName(NameRole, String)
    /// A name given twice in one list.
    case repeatedName(String)
    /// Parents that lead back to where they started.
    case cycle([String])
    /// Two sockets of the topology would meet.
    case sharedAddress(String, with: String)
    /// A prefix that meets another one.
    case overlappingPrefixes(String, with: String, segment: String)
    /// An address that its segment does not hold.
    case outsideSegment(String, segment: String)
    /// An address that another asset has.
    case duplicateAddress(String, asset: String)
    /// A local monitor that watches nothing.
    case noSegment(String)
    /// A domain or enterprise monitor that nobody reports to.
    case noChildren(String)
    /// A monitor whose reports end nowhere: neither an enterprise monitor, nor with parents or
    /// peers.
    case noRoot(String)
    /// A relation that the tiers forbid.
    case wrongTier(String)
    /// A directive's name that another file has.
    case takenName(String, by: String)
    /// A scan or list of hosts that is not of its form.
    case inventory(String)
    /// A directive that would open with what no report can open.
    case noOpening(String)
    /// More faults than `FaultLog.faultLimit`; the rest are not listed.
    case more(limit: Int)
  }

  /// What a YAML value can be.
  public enum Shape: String, Hashable, Sendable {
    case mapping = "a mapping"
    case list = "a list"
    case scalar = "a single value"
  }

  /// What a name should have named.
  public enum NameRole: String, Hashable, Sendable {
    case parent, peer, segment, monitor, child, kind, type, measure, feature, comparison, limit,
      tier, stage, transport, place, answer, foothold
    case reportClass = "class"
    case attribute = "field"
  }

  /// What a value should look like, in words.
  public enum ValueForm: String, Hashable, Sendable {
    case name = "a name: a-z, 0-9 and '-', starting with a letter, at most 63 characters"
    case kindName = "a report kind, such as recon.port-scan"
    case pattern = "a report kind, 'family.*' or '*'"
    case address = "an IP address, such as 10.10.1.1"
    case prefix = "a prefix without host bits, such as 10.10.1.0/24"
    case listen = "host:port, such as 127.0.0.1:7400"
    case service = "transport/port, such as tcp/80"
    case boolean = "true or false"
    case count = "a whole number, such as 20"
    case number = "a number"
    case duration = "a number with ms, s, m, h or d, such as 90s"
    case ratio = "a share from 0 to 1, such as 0.3"
    case rate = "a number per s, m or h, such as 500/s"
    case bytes = "a number with B, KiB, MiB or GiB, such as 32MiB"
    case technique = "an ATT&CK technique, such as T1595.001"
    case version = "an ATT&CK release, such as \"17.1\""
    case text = "a text of 1 to 1,024 characters"
    case comparison = "a number with >=, >, <=, <, = or !=, such as '>= 5'"
    case escalation = "a whole number, or one with + or - over what it was, such as +2"
    case ports = "a port or a range of ports, such as 80 or 8000-8100"
    case place = "inside, outside, an address or a prefix"
    case reference = "a field of an earlier stage, such as scan.source"
    case system = "a system, such as linux or Windows Server 2019"
    case product = "a product, perhaps with <, <=, =, >= or > and a version, such as openssh < 9.8"
    case vulnerability = "a CVE number, such as CVE-2021-44228"
  }
}

/// Every fault of one load, sorted by place, the topology file before its schema file; never empty.
public struct TopologyFaults: Error, Hashable, Sendable, CustomStringConvertible {
  public let faults: [TopologyFault]

  public init(_ faults: [TopologyFault]) { self.faults = faults }

  /// One line per fault.
  public var description: String { faults.map(\.description).joined(separator: "\n") }
}
