import Links
import Signatures
import Testing

@testable import Tiers

/// What programs refuse to start with, and how they end then.
@Suite struct StartTests {
  @Test func missingCertificatesAreBadInputAndADeafParentIsNot() async {
    await #expect(throws: BerylExit.badInput) {
      try await exiting { throw LinkFault.credentials(file: "pki/ca.pem", reason: "no such file") }
    }
    await #expect(throws: BerylExit.failure) {
      try await exiting { throw LinkFault.cannotConnect(address: "127.0.0.1:1", reason: "refused") }
    }
  }

  @Test(arguments: [
    ("HOME_NET=[10.0.0.0/8,!10.1.0.0/16]", true), ("$HOME_NET=10.0.0.1", true),
    ("HTTP_PORTS=[80,8000:8100]", true), ("MINE=$HOME_NET", true),
    ("HOME_NET=[10.0.0.0/99]", false), ("HOME_NET=web", false), ("HTTP_PORTS=[8o]", false),
    ("MINE=$NOBODY", false), ("HOME_NET", false), ("=10.0.0.1", false),
  ])
  func aVariableThatNoRuleCanUseIsRefused(definition: String, isSound: Bool) {
    var variables = RuleVariables()
    if isSound {
      #expect(throws: Never.self) { try variables.define([definition], option: "--set") }
    } else {
      #expect(throws: StartRefusal.self) { try variables.define([definition], option: "--set") }
    }
  }

  @Test func variablesMayComeInAnyOrder() throws {
    var variables = RuleVariables()
    try variables.define(["A=$B", "B=10.0.0.0/8"], option: "--set")
    #expect(variables.addresses["A"] == "$B")
  }
}
