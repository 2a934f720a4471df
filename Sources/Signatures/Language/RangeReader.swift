import Terms

/// A set that a rule's head writes as a list: addresses or ports.
protocol RuleRanges: Hashable {
  static var any: Self { get }
  static var word: StaticString { get }
  static var plural: StaticString { get }
  var isEmpty: Bool { get }
  var complement: Self { get }
  init(uniting sets: [Self])
  func subtracting(_ other: Self) -> Self
  /// One address, prefix, port or range.
  init(element: RuleSlice) throws(RuleFault)
}

/// Reads lists of the form `[10.0.0.0/8,!10.1.0.0/16,$HTTP_SERVERS,[…]]`, and what the variables in
/// them stand for.
struct RangeReader<Ranges: RuleRanges> {
  /// Lists within lists; deeper ones are refused.
  static var depthLimit: Int { 32 }

  private let variables: [String: String]
  private var resolved: [String: Ranges] = [:]
  private var resolving: Set<String> = []
  /// What short texts were found to be: most rules have one of few.
  private var known: [String: Ranges] = [:]

  init(variables: [String: String]) { self.variables = variables }

  mutating func read(_ slice: RuleSlice) throws(RuleFault) -> Ranges {
    let isShort = slice.count <= 64
    let text = isShort ? slice.text : ""
    if isShort, let ranges = known[text] { return ranges }
    let ranges = try item(slice, depth: 0)
    guard !ranges.isEmpty else {
      throw RuleFault(slice.start, "\(slice.quoted) leaves no \(Ranges.word)")
    }
    if isShort, known.count < 4_096 { known[text] = ranges }
    return ranges
  }

  private mutating func item(_ slice: RuleSlice, depth: Int) throws(RuleFault) -> Ranges {
    var rest = slice.trimmed
    var isNegated = false
    while rest.first == UInt8(ascii: "!") {
      isNegated.toggle()
      rest = rest.from(rest.start + 1).trimmed
    }
    guard let first = rest.first else {
      throw RuleFault(slice.start, "an empty list or part of one")
    }
    let ranges: Ranges
    if first == UInt8(ascii: "[") {
      ranges = try list(rest, depth: depth + 1)
    } else if first == UInt8(ascii: "$") {
      ranges = try variable(rest)
    } else if rest.isWord("any") {
      ranges = .any
    } else {
      ranges = try Ranges(element: rest)
    }
    return isNegated ? ranges.complement : ranges
  }

  /// What is named, or everything if only exceptions are, without the exceptions.
  private mutating func list(_ slice: RuleSlice, depth: Int) throws(RuleFault) -> Ranges {
    guard depth <= Self.depthLimit else {
      throw RuleFault(slice.start, "lists within more than \(Self.depthLimit) lists")
    }
    guard slice.count >= 2, slice.last == UInt8(ascii: "]") else {
      throw RuleFault(slice.start, "']' does not end the list")
    }
    var included: [Ranges] = []
    var excluded: [Ranges] = []
    for entry in try entries(
      RuleSlice(base: slice.base, start: slice.start + 1, end: slice.end - 1))
    {
      let entry = entry.trimmed
      if entry.first == UInt8(ascii: "!") {
        let inner = entry.from(entry.start + 1)
        excluded.append(try item(inner, depth: depth))
      } else {
        included.append(try item(entry, depth: depth))
      }
    }
    let base = included.isEmpty ? Ranges.any : Ranges(uniting: included)
    return excluded.isEmpty ? base : base.subtracting(Ranges(uniting: excluded))
  }

  /// The parts between the commas that are in no inner list.
  private func entries(_ slice: RuleSlice) throws(RuleFault) -> [RuleSlice] {
    var entries: [RuleSlice] = []
    var depth = 0
    var start = slice.start
    var position = slice.start
    while position < slice.end {
      switch slice[position] {
      case UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "]"): depth -= 1
      case UInt8(ascii: ",") where depth == 0:
        entries.append(RuleSlice(base: slice.base, start: start, end: position))
        start = position + 1
      default: break
      }
      guard depth >= 0 else { throw RuleFault(position, "a ']' without '['") }
      position += 1
    }
    guard depth == 0 else { throw RuleFault(slice.start, "a '[' without ']'") }
    entries.append(RuleSlice(base: slice.base, start: start, end: slice.end))
    return entries
  }

  private mutating func variable(_ slice: RuleSlice) throws(RuleFault) -> Ranges {
    let name = slice.from(slice.start + 1).text
    if let ranges = resolved[name] { return ranges }
    guard var text = variables[name] else {
      throw RuleFault(slice.start, "no variable \(slice.quoted) of \(Ranges.plural) is set")
    }
    guard resolving.insert(name).inserted else {
      throw RuleFault(slice.start, "the variable \(slice.quoted) refers to itself")
    }
    defer { resolving.remove(name) }
    let ranges = text.withUTF8 { octets -> Result<Ranges, RuleFault> in
      guard let base = octets.baseAddress else {
        return .failure(RuleFault(slice.start, "the variable \(slice.quoted) is empty"))
      }
      do throws(RuleFault) {
        return .success(try item(RuleSlice(base: base, start: 0, end: octets.count), depth: 0))
      } catch {
        return .failure(
          RuleFault(slice.start, "in the variable \(slice.quoted): \(error.reason)"))
      }
    }
    let value = try ranges.get()
    // Where every address is at home, `!$HOME_NET` would leave none: then any is outside, too.
    let isEverywhere = value.isEmpty && name == "EXTERNAL_NET"
    resolved[name] = isEverywhere ? .any : value
    return isEverywhere ? .any : value
  }
}

extension PortRanges: RuleRanges {
  static var word: StaticString { "port" }
  static var plural: StaticString { "ports" }

  init(uniting sets: [PortRanges]) { self.init(sets.flatMap(\.elements)) }

  /// `80`, `1024:2048`, `:1023`, `1024:`.
  init(element: RuleSlice) throws(RuleFault) {
    guard let colon = element.firstIndex(of: UInt8(ascii: ":")) else {
      let port = try element.number(UInt16.self)
      self.init([port...port])
      return
    }
    let low = element.upTo(colon).trimmed
    let high = element.from(colon + 1).trimmed
    let first = low.isEmpty ? 0 : try low.number(UInt16.self)
    let last = high.isEmpty ? 65_535 : try high.number(UInt16.self)
    guard first <= last, !(low.isEmpty && high.isEmpty) else {
      throw RuleFault(element.start, "\(element.quoted) is no range of ports")
    }
    self.init([first...last])
  }
}

extension AddressRanges: RuleRanges {
  static var word: StaticString { "address" }
  static var plural: StaticString { "addresses" }

  init(uniting sets: [AddressRanges]) {
    self.init(sets.count == 1 ? sets[0].elements : sets.flatMap(\.elements))
  }

  /// `10.0.0.1`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `2001:db8::/32`, `10.0.0.1-10.0.0.9`. Host bits
  /// of a prefix are not looked at.
  init(element: RuleSlice) throws(RuleFault) {
    if let dash = element.firstIndex(of: UInt8(ascii: "-")) {
      let first = try element.upTo(dash).trimmed.address()
      let last = try element.from(dash + 1).trimmed.address()
      guard first <= last, first.isIPv4 == last.isIPv4 else {
        throw RuleFault(element.start, "\(element.quoted) is no range of addresses")
      }
      self.init([Element(first, last)])
      return
    }
    guard let slash = element.firstIndex(of: UInt8(ascii: "/")) else {
      let address = try element.address()
      self.init([Element(address, address)])
      return
    }
    let address = try element.upTo(slash).trimmed.address()
    let length = try element.from(slash + 1).trimmed.prefixLength(of: address)
    self.init(IPPrefix(address, length: length))
  }
}

extension RuleSlice {
  fileprivate func address() throws(RuleFault) -> IPAddress {
    if let address = dottedAddress { return address }
    // The longest text of an IPv6 address has 45 octets.
    guard count <= 45, let address = IPAddress(text) else {
      throw RuleFault(start, "\(quoted) is no address")
    }
    return address
  }

  private var dottedAddress: IPAddress? {
    var number: UInt32 = 0
    var octet: UInt32 = 0
    var digits = 0
    var dots = 0
    for character in octets {
      if character.isDigit {
        octet = octet &* 10 &+ UInt32(character &- 48)
        digits += 1
        guard digits <= 3, octet <= 255 else { return nil }
      } else {
        guard character == UInt8(ascii: "."), digits > 0, dots < 3 else { return nil }
        number = number << 8 | octet
        (octet, digits) = (0, 0)
        dots += 1
      }
    }
    return dots == 3 && digits > 0 ? IPAddress(v4: number << 8 | octet) : nil
  }

  fileprivate func prefixLength(of address: IPAddress) throws(RuleFault) -> Int {
    if address.isIPv4, let mask = dottedAddress?.v4 {
      guard (~mask).leadingZeroBitCount + (~mask).nonzeroBitCount == 32 else {
        throw RuleFault(start, "\(quoted) is no mask of a network")
      }
      return mask.nonzeroBitCount
    }
    return try number(0...address.bitWidth)
  }
}
