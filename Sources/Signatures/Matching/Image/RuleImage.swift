import Terms

/// A compiled rule set as one block of bytes: what is loaded from the cache is evaluated as it
/// lies there.
///
/// The block is trusted: it was made by this process, or its checksum was found right.
final class RuleImage: @unchecked Sendable {
  /// Changes whenever a record's layout or meaning does.
  static let version: UInt64 = 5

  let block: UnsafeMutableRawBufferPointer
  let rules: Section<RuleRecord>
  let infos: Section<RuleInfo>
  let tests: Section<PacketTest>
  let applicationTests: Section<ApplicationTest>
  let states: Section<StateRecord>
  let names: Section<Int32>
  let rates: Section<RateRecord>
  let groups: Section<GroupRecord>
  let steps: Section<Step>
  let transforms: Section<UInt8>
  let bytes: Section<UInt8>
  let addressSets: Section<Span>
  let addresses: Section<AddressRange>
  let portSets: Section<Span>
  let ports: Section<PortRange>
  /// Of each scan point, then of the banks.
  let scans: Section<ScanRecord>
  let portClasses: Section<PortClassRange>
  /// Places in `scans`; see `PatternBanks`.
  let banks: Section<Int32>
  let patternRules: Section<Span>
  let ruleLists: Section<Int32>
  let databases: Section<UInt8>
  /// Tables of `ContentTails`, one behind the other.
  let tails: Section<UInt8>
  /// Rules without bytes to look for; see `PlainRules`.
  let plain: Section<Span>
  let marks: Section<AddressMark>
  /// Numbers of this and that, by `Figure`.
  let figures: Section<Int64>

  /// - Parameter block: 16-byte aligned, owned from now on; nil if it is not an image of this
  ///   version.
  init?(_ block: UnsafeMutableRawBufferPointer) {
    guard var reader = ImageReader(block) else {
      block.deallocate()
      return nil
    }
    self.block = block
    rules = reader.section()
    infos = reader.section()
    tests = reader.section()
    applicationTests = reader.section()
    states = reader.section()
    names = reader.section()
    rates = reader.section()
    groups = reader.section()
    steps = reader.section()
    transforms = reader.section()
    bytes = reader.section()
    addressSets = reader.section()
    addresses = reader.section()
    portSets = reader.section()
    ports = reader.section()
    scans = reader.section()
    portClasses = reader.section()
    banks = reader.section()
    patternRules = reader.section()
    ruleLists = reader.section()
    databases = reader.section()
    tails = reader.section()
    plain = reader.section()
    marks = reader.section()
    figures = reader.section()
    guard reader.isSound, figures.count == Figure.allCases.count else { return nil }
  }

  deinit { block.deallocate() }

  /// Single numbers of an image.
  enum Figure: Int, CaseIterable {
    case flowBits, hostBits, expressions, unsupported, files, portClasses
  }

  func figure(_ figure: Figure) -> Int { Int(figures[figure.rawValue]) }

  /// The sections, in the order in which they stand in the block.
  static func assemble(_ draft: ImageDraft) -> RuleImage? {
    var writer = ImageWriter()
    writer.add(draft.rules)
    writer.add(draft.infos)
    writer.add(draft.tests)
    writer.add(draft.applicationTests)
    writer.add(draft.states)
    writer.add(draft.names)
    writer.add(draft.rates)
    writer.add(draft.groups)
    writer.add(draft.steps)
    writer.add(draft.transforms)
    writer.add(draft.bytes)
    writer.add(draft.addressSets)
    writer.add(draft.addresses)
    writer.add(draft.portSets)
    writer.add(draft.ports)
    writer.add(draft.scans)
    writer.add(draft.portClasses)
    writer.add(draft.banks)
    writer.add(draft.patternRules)
    writer.add(draft.ruleLists)
    writer.add(draft.databases)
    writer.add(draft.tails)
    writer.add(draft.plain)
    writer.add(draft.marks)
    writer.add(draft.figures)
    return RuleImage(writer.finish())
  }
}

/// Puts sections one behind the other: count, then values, each on a 16-byte boundary.
private struct ImageWriter {
  private var storage: [UInt8] = []

  init() {
    storage.reserveCapacity(32 << 20)
    add([ImageReader.magic, RuleImage.version])
  }

  mutating func add<Value: BitwiseCopyable>(_ values: [Value]) {
    withUnsafeBytes(of: Int64(values.count)) { storage.append(contentsOf: $0) }
    pad()
    values.withUnsafeBytes { storage.append(contentsOf: $0) }
    pad()
  }

  private mutating func pad() {
    while storage.count % 16 != 0 { storage.append(0) }
  }

  func finish() -> UnsafeMutableRawBufferPointer {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: storage.count, alignment: 16)
    storage.withUnsafeBytes { block.copyMemory(from: $0) }
    return block
  }
}

private struct ImageReader {
  static let magic: UInt64 = 0x4265_7279_6c52_7573

  private let block: UnsafeMutableRawBufferPointer
  private var offset = 0
  private(set) var isSound = true

  init?(_ block: UnsafeMutableRawBufferPointer) {
    self.block = block
    let head: Section<UInt64> = section()
    guard isSound, head.count == 2, head[0] == Self.magic, head[1] == RuleImage.version else {
      return nil
    }
  }

  mutating func section<Value: BitwiseCopyable>() -> Section<Value> {
    let none = Section<Value>(
      base: UnsafeRawPointer(bitPattern: 16).unsafelyUnwrapped.assumingMemoryBound(to: Value.self),
      count: 0)
    guard isSound, block.count - offset >= 16, let base = block.baseAddress else {
      isSound = false
      return none
    }
    let count = Int(block.loadUnaligned(fromByteOffset: offset, as: Int64.self))
    let stride = MemoryLayout<Value>.stride
    guard count >= 0, count <= (block.count - offset - 16) / stride else {
      isSound = false
      return none
    }
    let start = offset + 16
    offset = (start + count * stride + 15) & ~15
    return Section(
      base: UnsafeRawPointer(base + start).assumingMemoryBound(to: Value.self), count: count)
  }
}

/// Where, among the addresses in ascending order, another list of rules begins to hold.
struct AddressMark: BitwiseCopyable {
  var first: IPAddress
  /// In `ruleLists`.
  var rules: Span
}
