import Flows
import Terms

/// What an answer says, in a form that two answers can be compared by.
struct DNSAnswer: Sendable, Equatable {
  /// Addresses compared at most.
  static let addressLimit = 8

  /// Addresses of the answer section, sorted.
  private(set) var addresses: [IPAddress] = []
  /// Of the names in the answer section, in any order; 0 without any.
  private(set) var names: UInt64 = 0
  private(set) var responseCode: UInt8 = 0

  init() {}

  init(_ message: DNSMessage) {
    responseCode = message.responseCode
    for record in message.records where record.section == .answer {
      switch record.value {
      case .address(let address):
        if addresses.count < Self.addressLimit { addresses.append(address) }
      case .name(let name): names &+= DNSTurn.hash(name.utf8)
      case .text, .other: break
      }
    }
    addresses.sort()
  }

  /// Whether both say something and cannot both be true: other addresses altogether, or an address
  /// beside "no such name". Rotated and overlapping sets agree.
  func contradicts(_ other: DNSAnswer) -> Bool {
    if !addresses.isEmpty, !other.addresses.isEmpty {
      return !addresses.contains { other.addresses.contains($0) }
    }
    if addresses.isEmpty, other.addresses.isEmpty {
      return names != 0 && other.names != 0 && names != other.names
    }
    // Servers that fail or refuse say nothing about the name.
    return (addresses.isEmpty ? self : other).isDenial
  }

  /// No such name, or no such record.
  private var isDenial: Bool { names == 0 && (responseCode == 3 || responseCode == 0) }
}
