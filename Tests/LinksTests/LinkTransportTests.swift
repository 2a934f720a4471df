import Foundation
import Monitoring
import NIOCore
import NIOPosix
import NIOSSL
import Reports
import Terms
import Testing

@testable import Links

/// Real sockets on loopback, real TLS.
@Suite(.serialized, .timeLimit(.minutes(1))) struct LinkTransportTests {
  @Test func aBatchTravelsAndIsAcknowledged() async throws {
    let folder = try Folder()
    defer { folder.remove() }
    let parent = ParentShell(downlinkConfiguration(hq))
    try await parent.listen(folder.credentials("hq"))
    let child = try ChildShell(
      ports: [hq: parent.port], hello: hello(), credentials: folder.credentials("dmz"))
    child.start()
    child.append((1...600).map { report($0, emitted: Int64($0)) })
    await eventually("acknowledgement") { child.logs("acknowledged live 600") }
    #expect(parent.stored == Array(1...600))
    #expect(parent.log.first == "linked dmz")
    await child.stop()
    await eventually("the parent sees the child leave") { parent.log.contains("left dmz") }
    await parent.stop()
  }

  @Test func aWrongParentIsRefusedWithTheReasonOnBothSides() async throws {
    let folder = try Folder()
    defer { folder.remove() }
    let parent = ParentShell(downlinkConfiguration(branch, children: []))
    try await parent.listen(folder.credentials("branch"))
    let child = try ChildShell(
      ports: [branch: parent.port], hello: hello(), credentials: folder.credentials("dmz"))
    child.start()
    let reason = "wrongParent: 'branch' is no parent of 'dmz' in the topology"
    await eventually("refusal") { child.logs("refused by branch: \(reason)") }
    #expect(parent.log.contains("refused: \(reason)"))
    await child.stop()
    await parent.stop()
  }

  @Test func aWrongSchemaIsRefusedWithTheReasonOnBothSides() async throws {
    let folder = try Folder()
    defer { folder.remove() }
    var other = schema
    other.kinds[.synFlood] = KindDefinition(reportClass: .detection, severity: 7)
    let parent = ParentShell(downlinkConfiguration(hq))
    try await parent.listen(folder.credentials("hq"))
    let child = try ChildShell(
      ports: [hq: parent.port], hello: hello(schema: other), credentials: folder.credentials("dmz"))
    child.start()
    await eventually("refusal") { child.logs("refused by hq: wrongSchema") }
    #expect(child.logs("at 'hq', kind 'dos.syn-flood' is unknown here"))
    #expect(parent.log.contains { $0.contains("kind 'dos.syn-flood' is unknown here") })
    await child.stop()
    await parent.stop()
  }

  /// What each side says of a handshake between these two.
  private func handshake(
    server: LinkCredentials, client: LinkCredentials
  ) async throws -> (parent: [String], child: [String]) {
    let parent = ParentShell(downlinkConfiguration(hq))
    try await parent.listen(server)
    let child = try ChildShell(ports: [hq: parent.port], hello: hello(), credentials: client)
    child.start()
    await eventually("both sides close") {
      child.logs("closed:") && parent.log.contains { $0.hasPrefix("closed:") }
    }
    await child.stop()
    await parent.stop()
    return (parent.log, child.log)
  }

  @Test func aCertificateOfAnotherAuthorityIsRefused() async throws {
    let ours = try Folder()
    let theirs = try Folder()
    defer {
      ours.remove()
      theirs.remove()
    }
    let stranger = try theirs.credentials("dmz")
    let parent = try ours.credentials("hq")
    // A stranger that does not trust us either, then one that trusts anyone.
    let mutual = try await handshake(server: parent, client: stranger)
    #expect(mutual.child.contains { $0.contains("is not from this tree's authority") })
    #expect(mutual.parent.contains { $0.contains("does not know the authority") })
    let trusting = LinkCredentials(
      authority: parent.authority, chain: stranger.chain, key: stranger.key,
      identity: stranger.identity, expires: stranger.expires)
    let oneSided = try await handshake(server: parent, client: trusting)
    #expect(oneSided.parent.contains { $0.contains("is not from this tree's authority") })
    #expect(oneSided.child.contains { $0.contains("does not know the authority") })
  }

  @Test func anExpiredCertificateIsRefused() async throws {
    let valid = try Folder()
    let stale = try Folder(days: -3)
    defer {
      valid.remove()
      stale.remove()
    }
    let good = try valid.credentials("hq")
    let old = try stale.credentials("dmz")
    // Each side trusts the other's authority, so that only the date is wrong.
    let server = LinkCredentials(
      authority: old.authority, chain: good.chain, key: good.key, identity: good.identity,
      expires: good.expires)
    let client = LinkCredentials(
      authority: good.authority, chain: old.chain, key: old.key, identity: old.identity,
      expires: old.expires)
    let said = try await handshake(server: server, client: client)
    let day = LinkCredentials.day(old.expires)
    #expect(said.parent.contains { $0.contains("its certificate expired on \(day)") })
    #expect(said.child.contains { $0.contains("it says that our certificate has expired") })
    #expect(throws: LinkFault.self) {
      try LinkCredentials.load(directory: stale.path, name: "dmz")
    }
  }

  @Test func rubbishEndsOnlyItsOwnConnection() async throws {
    let folder = try Folder()
    defer { folder.remove() }
    let parent = ParentShell(downlinkConfiguration(hq))
    try await parent.listen(folder.credentials("hq"))
    let child = try ChildShell(
      ports: [hq: parent.port], hello: hello(), credentials: folder.credentials("dmz"))
    child.start()
    await eventually("link") { child.logs("linked hq") }
    try await send(Array("GET / HTTP/1.1\r\n\r\n".utf8), to: parent.port, through: nil)
    await eventually("plain rubbish") {
      parent.log.contains { $0.contains("speaks HTTP, not TLS") }
    }
    let context = try folder.credentials("branch").clientContext()
    try await send([0, 0, 0, 3, 0xff, 0xff, 0xff], to: parent.port, through: context)
    await eventually("rubbish in a frame") {
      parent.log.contains { $0.contains("sent no valid message") }
    }
    try await send([0xff, 0, 0, 0, 1, 2], to: parent.port, through: context)
    await eventually("a frame too long") {
      parent.log.contains { $0.contains("announced a message of 4278190080 bytes") }
    }
    child.append([report(1, emitted: 1)])
    await eventually("the child goes on") { child.logs("acknowledged live 1") }
    #expect(!parent.log.contains("left dmz"))
    await child.stop()
    await parent.stop()
  }

  private func send(_ bytes: [UInt8], to port: Int, through context: NIOSSLContext?) async throws {
    let channel = try await ClientBootstrap(group: LinkConnections.group)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard let context else { return }
          try channel.pipeline.syncOperations.addHandler(
            NIOSSLClientHandler(context: context, serverHostname: nil))
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
    try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    try? await channel.closeFuture.get()
  }

  @Test func aPortInUseIsNamed() async throws {
    let folder = try Folder()
    defer { folder.remove() }
    let parent = ParentShell(downlinkConfiguration(hq))
    try await parent.listen(folder.credentials("hq"))
    let port = parent.port
    let address = "127.0.0.1:\(port)"
    await #expect(
      throws: LinkFault.cannotBind(address: address, reason: "Address already in use")
    ) {
      _ = try await LinkServer.listen(
        host: "127.0.0.1", port: port, credentials: folder.credentials("hq"), onEvent: { _ in })
    }
    await parent.stop()
    let child = try ChildShell(
      ports: [hq: port], hello: hello(), credentials: folder.credentials("dmz"))
    child.start()
    await eventually("nobody there") {
      child.logs("cannot connect to \(address): Connection refused")
    }
    await child.stop()
  }

  @Test func anotherMonitorAtTheAddressIsNotTakenForTheParent() async throws {
    let folder = try Folder()
    defer { folder.remove() }
    let parent = ParentShell(downlinkConfiguration(branch))
    try await parent.listen(folder.credentials("branch"))
    let child = try ChildShell(
      ports: [hq: parent.port], hello: hello(), credentials: folder.credentials("dmz"))
    child.start()
    await eventually("wrong peer") { child.logs("is monitor 'branch', not monitor 'hq'") }
    await child.stop()
    await parent.stop()
  }

  @Test func anOperatorAsksAndAMonitorMayNot() async throws {
    let folder = try Folder()
    defer { folder.remove() }
    let parent = ParentShell(downlinkConfiguration(hq))
    try await parent.listen(folder.credentials("hq"))
    let line = try await ControlConnection.open(
      host: "127.0.0.1", port: parent.port, credentials: folder.credentials("operator"),
      expecting: .monitor(hq))
    let status = MonitorStatus(monitor: hq, tier: .domain, losses: ["a": 1])
    async let one = line.request(.statusRequest)
    async let two = line.request(.statusRequest)
    #expect(try await one == .statusReply(status))
    #expect(try await two == .statusReply(status))
    await #expect(throws: LinkFault.self) {
      _ = try await line.request(.drillEnd(LaneName("d")), timeout: .milliseconds(100))
    }
    let intruder = try await ControlConnection.open(
      host: "127.0.0.1", port: parent.port, credentials: folder.credentials("dmz"))
    await #expect(
      throws: LinkFault.refused(
        Refusal(.notPermitted, "monitor 'dmz' may not send 'status-request' here and now"))
    ) { _ = try await intruder.request(.statusRequest) }
    await parent.stop()
  }
}
