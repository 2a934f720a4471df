import Crypto
import Foundation
import Glibc
import SwiftASN1
import Terms
import X509

/// The tree's own certificate authority: one CA, one P-256 certificate per monitor, one for the
/// operator.
public enum PKI {
  /// Days that certificates hold when nothing else is asked for; the authority itself holds ten
  /// years.
  public static let standardDays = 365
  public static let authorityDays = 3650
  /// Clocks may differ by this much, in seconds.
  static let clockSlack = 300.0
  /// The operator's name in its certificate, and its file's.
  public static let operatorName = "operator"

  /// Whom to issue a certificate to.
  public struct Subject: Sendable, Hashable {
    public var name: MonitorName
    public var tier: Tier
    /// Addresses and host names where it listens.
    public var hosts: [String]

    public init(name: MonitorName, tier: Tier, hosts: [String]) {
      self.name = name
      self.tier = tier
      self.hosts = hosts
    }
  }

  private struct Authority {
    var key: Certificate.PrivateKey
    var certificate: Certificate
  }

  /// Writes `ca`, every subject and `operator` (`.pem` and `.key`) into `directory`; returns the
  /// files.
  ///
  /// Keys are readable for their owner only. Existing files are a fault unless `force`: a new
  /// authority makes every certificate of the old one worthless.
  @discardableResult
  public static func issue(
    _ subjects: [Subject], into directory: String, days: Int = standardDays,
    force: Bool = false, now: Date = Date()
  ) throws(LinkFault) -> [String] {
    let names = ["ca"] + subjects.map(\.name.text) + [operatorName]
    let files = names.flatMap { ["\(directory)/\($0).pem", "\(directory)/\($0).key"] }
    if !force, let existing = files.first(where: { FileManager.default.fileExists(atPath: $0) }) {
      throw .credentials(
        file: existing, reason: "exists already; --force replaces every certificate")
    }
    if subjects.contains(where: { ["ca", operatorName].contains($0.name.text) }) {
      throw .credentials(
        file: directory, reason: "no monitor can be called 'ca' or '\(operatorName)'")
    }
    do {
      try makeFolder(directory)
      let authority = try makeAuthority(directory, now)
      for subject in subjects {
        let uri = PeerIdentity.monitor(subject.name).uri
        let names = ["\(subject.name).monitor.beryl.internal"]
        try issue(
          subject.name.text, unit: subject.tier.rawValue, uri: uri, hosts: names + subject.hosts,
          by: authority, directory, days, now)
      }
      try issue(
        operatorName, unit: operatorName, uri: "beryl://operator/\(operatorName)", hosts: [],
        by: authority, directory, days, now)
    } catch let fault as LinkFault {
      throw fault
    } catch {
      throw .credentials(file: directory, reason: "\(error.localizedDescription)")
    }
    return files
  }

  private static func makeFolder(_ directory: String) throws(LinkFault) {
    let made: ()? = try? FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    guard made == nil else { return }
    // Foundation's error says little; the system's own says why.
    mkdir(directory, 0o700)
    throw .credentials(
      file: directory, reason: "cannot make this folder: \(TLSReason.words(errno: errno))")
  }

  private static func makeAuthority(_ directory: String, _ now: Date) throws -> Authority {
    let secret = P256.Signing.PrivateKey()
    let key = Certificate.PrivateKey(secret)
    let name = try DistinguishedName {
      OrganizationName("Beryl")
      CommonName("Beryl authority")
    }
    let certificate = try Certificate(
      version: .v3, serialNumber: .init(), publicKey: key.publicKey,
      notValidBefore: now - clockSlack, notValidAfter: now + Double(authorityDays) * 86_400,
      issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
      extensions: try .init {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
        Critical(KeyUsage(keyCertSign: true, cRLSign: true))
        SubjectKeyIdentifier(hash: key.publicKey)
      }, issuerPrivateKey: key)
    try write(certificate, secret, "\(directory)/ca")
    return Authority(key: key, certificate: certificate)
  }

  private static func issue(
    _ name: String, unit: String, uri: String, hosts: [String], by authority: Authority,
    _ directory: String, _ days: Int, _ now: Date
  ) throws {
    let secret = P256.Signing.PrivateKey()
    let key = Certificate.PrivateKey(secret)
    let subject = try DistinguishedName {
      OrganizationName("Beryl")
      OrganizationalUnitName(unit)
      CommonName(name)
    }
    let alternatives = [GeneralName.uniformResourceIdentifier(uri)] + hosts.map(generalName)
    let certificate = try Certificate(
      version: .v3, serialNumber: .init(), publicKey: key.publicKey,
      notValidBefore: min(now, now + Double(days) * 86_400) - clockSlack,
      notValidAfter: now + Double(days) * 86_400,
      issuer: authority.certificate.subject, subject: subject,
      signatureAlgorithm: .ecdsaWithSHA256,
      extensions: try .init {
        Critical(BasicConstraints.notCertificateAuthority)
        Critical(KeyUsage(digitalSignature: true))
        try ExtendedKeyUsage([.serverAuth, .clientAuth])
        SubjectAlternativeNames(alternatives)
        SubjectKeyIdentifier(hash: key.publicKey)
        AuthorityKeyIdentifier(
          keyIdentifier: SubjectKeyIdentifier(hash: authority.key.publicKey).keyIdentifier)
      }, issuerPrivateKey: authority.key)
    try write(certificate, secret, "\(directory)/\(name)")
  }

  private static func generalName(_ host: String) -> GeneralName {
    guard let address = IPAddress(host) else { return .dnsName(host) }
    let octets = [address.high, address.low].flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
    }
    return .ipAddress(ASN1OctetString(contentBytes: octets.suffix(address.bitWidth / 8)))
  }

  private static func write(
    _ certificate: Certificate, _ key: P256.Signing.PrivateKey, _ path: String
  ) throws {
    let pem = try certificate.serializeAsPEM().pemString + "\n"
    try write(pem, to: path + ".pem", mode: 0o644)
    try write(key.pemRepresentation + "\n", to: path + ".key", mode: 0o600)
  }

  /// The file never exists with wider permissions than it ends up with.
  private static func write(_ text: String, to file: String, mode: mode_t) throws {
    unlink(file)
    let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL, mode)
    guard descriptor >= 0 else { throw failure(file) }
    defer { close(descriptor) }
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { throw failure(file) }
      bytes = bytes.dropFirst(count)
    }
  }

  private static func failure(_ file: String) -> LinkFault {
    .credentials(file: file, reason: TLSReason.words(errno: errno))
  }
}
