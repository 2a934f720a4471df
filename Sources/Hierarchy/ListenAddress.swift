import Terms

/// Where a monitor listens, written `127.0.0.1:7400`, `[::1]:7400` or `monitor.example:7400`.
public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
  /// An IP address without brackets, or a DNS name.
  public let host: String
  /// 1…65535.
  public let port: UInt16

  public init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }

  /// nil when the host is neither an address nor a DNS name (RFC 1123), or the port is not 1…65535.
  public init?(_ text: some StringProtocol) {
    guard let colon = text.lastIndex(of: ":"),
      let port = Self.port(text[text.index(after: colon)...])
    else { return nil }
    let host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      let inner = host.dropFirst().dropLast()
      guard let address = IPAddress(inner), !address.isIPv4 else { return nil }
      self.init(host: "\(address)", port: port)
    } else {
      guard Self.isHost(host) else { return nil }
      self.init(host: host.lowercased(), port: port)
    }
  }

  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// Any host of the machine.
  var isWildcard: Bool { host == "0.0.0.0" || host == "::" }
  /// The host that `localhost` stands for, or the host itself.
  var bound: String { host == "localhost" ? "127.0.0.1" : host }

  /// Parses decimal digits, 1…65535.
  static func port(_ text: some StringProtocol) -> UInt16? {
    guard (1...5).contains(text.utf8.count),
      text.utf8.allSatisfy(\.isDigit),
      let port = UInt16(text), port > 0
    else { return nil }
    return port
  }

  /// Whether `text` is dotted IPv4 or a DNS name: labels of 1…63 letters, digits and inner hyphens.
  private static func isHost(_ text: some StringProtocol) -> Bool {
    if text.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || $0.isDigit }) {
      return IPAddress(text) != nil
    }
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    return text.utf8.count <= 253
      && labels.allSatisfy { label in
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
          && label.utf8.allSatisfy {
            $0.isDigit || (65...90).contains($0) || (97...122).contains($0) || $0 == 45
          }
      }
  }
}
