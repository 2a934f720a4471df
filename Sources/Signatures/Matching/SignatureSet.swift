import CHyperscan

/// Rules made ready for traffic; shared by all workers.
public final class SignatureSet: Sendable {
  let image: RuleImage
  let databases: PatternDatabases

  /// Compiles rules: seconds for tens of thousands of them.
  public init(_ rules: RuleSet) throws(SignatureFault) {
    image = try RuleCompiler.compile(rules)
    guard let databases = PatternDatabases(image) else { throw .unsound }
    self.databases = databases
  }

  /// What `block` was in an earlier process: milliseconds.
  ///
  /// - Parameter block: allocated with an alignment of 16, owned from now on.
  /// - Returns: nil if it is of another format, or not for this machine.
  public init?(block: UnsafeMutableRawBufferPointer) {
    guard let image = RuleImage(block), let databases = PatternDatabases(image) else { return nil }
    self.image = image
    self.databases = databases
  }

  /// The compiled rules as bytes, to be kept.
  public var block: UnsafeRawBufferPointer { UnsafeRawBufferPointer(image.block) }

  public var count: Int { image.rules.count }
  /// Rules of the files that are not evaluated.
  public var unsupportedCount: Int { image.figure(.unsupported) }

  /// Changes with all that a kept block depends on besides the rules: the format, the order of
  /// buffers and protocols, the pattern library.
  public static var format: String {
    let buffers = StickyBuffer.allCases.map(\.rawValue).joined(separator: ",")
    let protocols = ApplicationProtocol.allCases.map(\.rawValue).joined(separator: ",")
    let library = hs_version().map { String(cString: $0) } ?? ""
    return "\(RuleImage.version);\(buffers);\(protocols);\(library)"
  }

  /// What a match of a rule means.
  public func description(of rule: Int32) -> SignatureDescription {
    let info = image.infos[rule]
    var result = SignatureDescription()
    result.generator = info.generator
    result.signature = info.signature
    result.revision = info.revision
    result.priority = info.priority
    result.message = image.bytes.text(info.message)
    result.classification = image.bytes.text(info.classification)
    result.references = image.bytes.text(info.references)
    result.metadata = RuleMetadata(text: image.bytes.text(info.metadata))
    let traits = image.rules[rule].traits
    if traits.contains(.targetsSource) { result.target = .source }
    if traits.contains(.targetsDestination) { result.target = .destination }
    return result
  }
}

/// What is told of a rule that matched.
public struct SignatureDescription: Sendable {
  public var generator: UInt32 = 1
  public var signature: UInt32 = 0
  public var revision: UInt32 = 0
  /// 1 is worst.
  public var priority: UInt8 = 3
  public var message = ""
  public var classification = ""
  /// `system,identifier`, separated by blanks.
  public var references = ""
  public var metadata = RuleMetadata()
  public var target: RuleTarget?

  public init() {}
}
