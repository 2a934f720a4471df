import Foundation
import Terms
import Testing

@testable import Tiers

@Suite struct ProfileFileTests {
  private let folder = FileManager.default.temporaryDirectory.appending(
    path: "beryl-profiles-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  private func source(keepsLearned: Bool = false) throws -> PipelineSource {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let monitor = try #require(MonitorName("local"))
    return try PipelineSource(
      path: tests.appending(path: "Captures/ssh-logins.pcap.zst").path,
      setup: PipelineSetup(monitor: monitor), keepsLearned: keepsLearned)
  }

  @Test func whatACaptureTaughtIsTakenUpByTheNext() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let first = try source(keepsLearned: true)
    let file = ProfileFile(path: folder.appending(path: "segment.profiles").path)
    #expect(first.load(file) == nil)
    while first.next() != nil {}
    #expect(!first.learned.isEmpty)
    try file.save(first.learned)
    try file.save(first.learned)
    #expect(try source().load(file) == .taken)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(names == ["segment.profiles"])
    let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
  }

  @Test func aDamagedFileIsNamedWithThePlaceAndNothingElseHappens() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let first = try source(keepsLearned: true)
    while first.next() != nil {}
    let file = ProfileFile(path: folder.appending(path: "segment.profiles").path)
    var damaged = first.learned
    damaged[damaged.count / 2] ^= 0x40
    try file.save(damaged)
    let next = try source()
    #expect(
      next.load(file)
        == .refused(
          "\(file.path): byte \(damaged.count - 8): the checksum does not fit: the file is damaged")
    )
    #expect(next.next() != nil)
    try file.save([])
    #expect(try source().load(file) == .refused("\(file.path): byte 0: not a file of profiles"))
  }

  @Test func aFolderThatIsNotThereIsAFault() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = ProfileFile(path: folder.appending(path: "missing/segment.profiles").path)
    #expect(throws: ProfileFileFault.self) { try file.save([1]) }
  }
}
