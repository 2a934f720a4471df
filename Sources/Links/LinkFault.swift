import Reports

/// Why a link, or what it needs, failed; worded for the operator, with the place.
public enum LinkFault: Error, Hashable, Sendable {
  /// The listen address is taken, not ours or not permitted.
  case cannotBind(address: String, reason: String)
  case cannotConnect(address: String, reason: String)
  /// The TLS handshake or record layer failed.
  case tls(address: String, reason: String)
  /// The certificate carries no `beryl://` URI.
  case noIdentity(address: String)
  case wrongPeer(address: String, expected: PeerIdentity, found: PeerIdentity)
  /// The peer's bytes are no message.
  case malformed(address: String, WireFault)
  case oversizedFrame(address: String, bytes: Int, limit: Int)
  /// The peer reads slower than this side writes.
  case tooSlow(address: String)
  case disconnected(address: String, reason: String)
  /// This side closed the link.
  case closed(reason: String)
  case refused(Refusal)
  case timeout(address: String, waitedFor: String)
  /// A certificate or key file is missing, unreadable or unfit.
  case credentials(file: String, reason: String)
}

extension LinkFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .cannotBind(let address, let reason): "cannot listen on \(address): \(reason)"
    case .cannotConnect(let address, let reason): "cannot connect to \(address): \(reason)"
    case .tls(let address, let reason): "no secure link with \(address): \(reason)"
    case .noIdentity(let address):
      "the certificate of \(address) names neither a monitor nor an operator"
    case .wrongPeer(let address, let expected, let found):
      "\(address) is \(found), not \(expected)"
    case .malformed(let address, let fault): "\(address) sent no valid message: \(fault)"
    case .oversizedFrame(let address, let bytes, let limit):
      "\(address) announced a message of \(bytes) bytes, the limit is \(limit)"
    case .tooSlow(let address): "\(address) does not read what it is sent"
    case .disconnected(let address, let reason): "the link with \(address) ended: \(reason)"
    case .closed(let reason): "closed here: \(reason)"
    case .refused(let refusal): "refused: \(refusal)"
    case .timeout(let address, let what): "\(address) gave no \(what) in time"
    case .credentials(let file, let reason): "\(file): \(reason)"
    }
  }
}
