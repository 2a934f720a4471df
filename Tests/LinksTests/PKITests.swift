import Foundation
import Testing

@testable import Links

@Suite struct PKITests {
  @Test func certificatesNameTheirHolderAndKeysAreForTheirOwnerOnly() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let credentials = try LinkCredentials.load(directory: folder.path, name: "dmz")
    #expect(credentials.identity == .monitor(dmz))
    #expect(credentials.expiryWarning() == nil)
    #expect(credentials.expiryWarning(now: credentials.expires - 86_400) != nil)
    #expect(
      try LinkCredentials.load(directory: folder.path, name: "operator").identity
        == .operator(.of("operator")))
    for (file, mode) in [("ca.key", 0o600), ("dmz.key", 0o600), ("", 0o700)] {
      let path = folder.path + "/" + file
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == mode)
    }
  }

  @Test func existingFilesAreOnlyReplacedByForce() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let before = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/ca.pem"))
    #expect(
      throws: LinkFault.credentials(
        file: folder.path + "/ca.pem", reason: "exists already; --force replaces every certificate")
    ) { try PKI.issue([], into: folder.path) }
    try PKI.issue([], into: folder.path, force: true)
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/ca.pem")) != before)
  }

  @Test func unfitFilesAreNamed() throws {
    let folder = try Folder()
    defer { folder.remove() }
    func fault(_ name: String) -> String? {
      do throws(LinkFault) {
        _ = try LinkCredentials.load(directory: folder.path, name: name)
        return nil
      } catch {
        return "\(error)".replacingOccurrences(of: folder.path + "/", with: "")
      }
    }
    #expect(fault("nobody") == "nobody.pem: no such file; 'beryl pki init' makes it")
    chmod(folder.path + "/dmz.key", 0o644)
    #expect(fault("dmz") == "dmz.key: others may read this key (mode 644): chmod 600")
    try "rubbish".write(toFile: folder.path + "/hq.pem", atomically: true, encoding: .utf8)
    #expect(fault("hq") == "hq.pem: this is no certificate in PEM form")
    try FileManager.default.copyItem(
      atPath: folder.path + "/dmz.pem", toPath: folder.path + "/mixed.pem")
    try FileManager.default.copyItem(
      atPath: folder.path + "/branch.key", toPath: folder.path + "/mixed.key")
    #expect(fault("mixed")?.contains("do not belong together") == true)
  }
}
