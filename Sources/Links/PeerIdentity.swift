import Terms

/// Who is at the other end of a link, as its certificate's URI names it.
public enum PeerIdentity: Hashable, Sendable {
  /// `beryl://monitor/NAME`
  case monitor(MonitorName)
  /// `beryl://operator/NAME`: may ask and drill, may not report.
  case `operator`(MonitorName)

  /// nil for any other URI.
  public init?(uri: some StringProtocol) {
    let prefixes: [(String, (MonitorName) -> PeerIdentity)] = [
      ("beryl://monitor/", { .monitor($0) }), ("beryl://operator/", { .operator($0) }),
    ]
    for (prefix, make) in prefixes where uri.hasPrefix(prefix) {
      guard let name = MonitorName(uri.dropFirst(prefix.count)) else { return nil }
      self = make(name)
      return
    }
    return nil
  }

  public var uri: String {
    switch self {
    case .monitor(let name): "beryl://monitor/\(name)"
    case .operator(let name): "beryl://operator/\(name)"
    }
  }
}

extension PeerIdentity: CustomStringConvertible {
  public var description: String {
    switch self {
    case .monitor(let name): "monitor '\(name)'"
    case .operator(let name): "operator '\(name)'"
    }
  }
}
