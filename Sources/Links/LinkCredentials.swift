import Foundation
import NIOSSL
import X509

/// A peer's certificate and key, and the authority that both ends trust.
public struct LinkCredentials: Sendable {
  /// A certificate that ends within this many days is worth a warning.
  public static let warningDays = 14

  let authority: NIOSSLCertificate
  let chain: [NIOSSLCertificate]
  let key: NIOSSLPrivateKey
  public let identity: PeerIdentity
  /// When the certificate ends.
  public let expires: Date

  /// Loads `NAME.pem`, `NAME.key` and `ca.pem`. A missing, foreign or expired file, or a key that
  /// others may read, is a fault with the file's name.
  public static func load(
    directory: String, name: String, now: Date = Date()
  ) throws(LinkFault) -> LinkCredentials {
    let keyFile = "\(directory)/\(name).key"
    let certificateFile = "\(directory)/\(name).pem"
    let authority = try certificate("\(directory)/ca.pem")
    let own = try certificate(certificateFile)
    try checkPermissions(keyFile)
    let key: NIOSSLPrivateKey
    do {
      key = try NIOSSLPrivateKey(bytes: try read(keyFile), format: .pem)
    } catch let fault as LinkFault {
      throw fault
    } catch {
      throw .credentials(file: keyFile, reason: "this is no private key in PEM form")
    }
    let (identity, expires) = try examine(own, certificateFile, now)
    let credentials = LinkCredentials(
      authority: authority, chain: [own], key: key, identity: identity, expires: expires)
    do throws(LinkFault) {
      _ = try credentials.clientContext()
    } catch {
      throw .credentials(file: keyFile, reason: "key and certificate do not belong together")
    }
    return credentials
  }

  /// A line for the log when the certificate ends soon; nil while there is time.
  public func expiryWarning(now: Date = Date()) -> String? {
    let days = expires.timeIntervalSince(now) / 86_400
    guard days < Double(Self.warningDays) else { return nil }
    return "the certificate of \(identity) ends on \(Self.day(expires)): run 'beryl pki init'"
  }

  func serverContext() throws(LinkFault) -> NIOSSLContext {
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    // The client's certificate is mandatory; its URI is checked against the topology, not its host
    // name.
    configuration.certificateVerification = .noHostnameVerification
    return try context(&configuration)
  }

  func clientContext() throws(LinkFault) -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.certificateChain = chain.map { .certificate($0) }
    configuration.privateKey = .privateKey(key)
    // The server's URI is checked against the monitor that was dialled, not its host name.
    configuration.certificateVerification = .noHostnameVerification
    return try context(&configuration)
  }

  private func context(_ configuration: inout TLSConfiguration) throws(LinkFault) -> NIOSSLContext {
    configuration.trustRoots = .certificates([authority])
    configuration.minimumTLSVersion = .tlsv13
    do {
      return try NIOSSLContext(configuration: configuration)
    } catch {
      throw .credentials(file: identity.uri, reason: "unfit for TLS (\(error))")
    }
  }

  static func day(_ date: Date) -> String {
    date.formatted(.iso8601.year().month().day())
  }

  // MARK: Files

  private static func read(_ file: String) throws(LinkFault) -> [UInt8] {
    guard FileManager.default.fileExists(atPath: file) else {
      throw .credentials(file: file, reason: "no such file; 'beryl pki init' makes it")
    }
    guard let data = FileManager.default.contents(atPath: file) else {
      throw .credentials(file: file, reason: "not readable for this user")
    }
    return Array(data)
  }

  private static func certificate(_ file: String) throws(LinkFault) -> NIOSSLCertificate {
    let bytes = try read(file)
    do {
      return try NIOSSLCertificate(bytes: bytes, format: .pem)
    } catch {
      throw .credentials(file: file, reason: "this is no certificate in PEM form")
    }
  }

  private static func checkPermissions(_ file: String) throws(LinkFault) {
    _ = try read(file)
    let attributes = try? FileManager.default.attributesOfItem(atPath: file)
    let mode = (attributes?[.posixPermissions] as? NSNumber)?.intValue ?? 0
    guard mode & 0o077 == 0 else {
      throw .credentials(
        file: file, reason: "others may read this key (mode \(String(mode, radix: 8))): chmod 600")
    }
  }

  private static func examine(
    _ certificate: NIOSSLCertificate, _ file: String, _ now: Date
  ) throws(LinkFault) -> (PeerIdentity, Date) {
    let uri = certificate._subjectAlternativeNames().first { $0.nameType == .uri }
      .map { String(decoding: $0.contents, as: UTF8.self) }
    guard let identity = uri.flatMap({ PeerIdentity(uri: $0) }) else {
      throw .credentials(file: file, reason: "the certificate carries no beryl:// URI")
    }
    let expires = Date(timeIntervalSince1970: TimeInterval(certificate.notValidAfter))
    guard expires > now else {
      throw .credentials(
        file: file, reason: "the certificate expired on \(day(expires)); run 'beryl pki init'")
    }
    return (identity, expires)
  }
}
