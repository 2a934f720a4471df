import Foundation
import Glibc
import NIOCore
import NIOSSL
import SwiftASN1
import X509

/// Puts what BoringSSL says into words that an operator can act on.
enum TLSReason {
  /// BoringSSL's reason codes, as they appear in its error stack, and what they mean.
  private static let reasons: [(code: String, words: String)] = [
    ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "it showed no certificate"),
    ("ALERT_CERTIFICATE_REQUIRED", "it wants a certificate and was shown none"),
    ("ALERT_CERTIFICATE_EXPIRED", "it says that our certificate has expired"),
    ("ALERT_UNKNOWN_CA", "it does not know the authority that issued our certificate"),
    ("ALERT_CERTIFICATE_UNKNOWN", "it does not accept our certificate"),
    ("ALERT_BAD_CERTIFICATE", "it finds our certificate damaged"),
    ("ALERT_DECRYPT_ERROR", "it could not verify our certificate's signature"),
    ("HTTP_REQUEST", "it speaks HTTP, not TLS"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS"),
    ("ALERT_PROTOCOL_VERSION", "it does not speak TLS 1.3"),
    ("UNSUPPORTED_PROTOCOL", "it does not speak TLS 1.3"),
  ]

  static func fault(_ error: any Error, address: String, peer: NIOSSLCertificate?) -> LinkFault {
    switch error {
    case let error as IOError:
      return .disconnected(address: address, reason: words(errno: error.errnoCode))
    case NIOSSLError.uncleanShutdown:
      return .disconnected(address: address, reason: "it broke off without a goodbye")
    case is NIOSSLError, is BoringSSLError:
      return .tls(address: address, reason: words("\(error)", peer: peer))
    default: return .disconnected(address: address, reason: "\(error)")
    }
  }

  static func words(errno code: CInt) -> String { String(cString: strerror(code)) }

  private static func words(_ error: String, peer: NIOSSLCertificate?) -> String {
    if error.contains("CERTIFICATE_VERIFY_FAILED") { return verification(peer) }
    if let known = reasons.first(where: { error.contains($0.code) }) { return known.words }
    if error.contains("EOF during handshake") { return "it left during the handshake" }
    return error
  }

  /// Why a certificate did not pass: BoringSSL only says that it did not.
  private static func verification(_ peer: NIOSSLCertificate?) -> String {
    guard let peer, let bytes = try? peer.toDERBytes(),
      let certificate = try? Certificate(derEncoded: bytes)
    else { return "its certificate has expired or is not from this tree's authority" }
    let now = Date()
    if certificate.notValidAfter < now {
      return "its certificate expired on \(LinkCredentials.day(certificate.notValidAfter))"
    }
    if certificate.notValidBefore > now {
      return "its certificate is valid only from \(LinkCredentials.day(certificate.notValidBefore))"
    }
    return "its certificate (\(certificate.subject)) is not from this tree's authority"
  }
}
