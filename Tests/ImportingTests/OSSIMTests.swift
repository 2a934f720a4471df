import Foundation
import Hierarchy
import Importing
import Reports
import Terms
import Testing

enum Shipped {
  static let schema: Schema = {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "topology").path
    return (try? Schema.load(path: folder + "/schema.yaml"))
      ?? Schema(attackVersion: "", kinds: [:])
  }()

  static func directives(_ imported: Import) throws -> [Directive] {
    try Directive.parse(Array(imported.yaml.utf8), path: "imported.yaml", schema: schema)
  }
}

@Suite struct OSSIMTests {
  static let xml = """
    <?xml version="1.0" encoding="UTF-8"?>
    <directives>
    <directive id="500001" name="SSH brute force" priority="4">
      <rule type="detector" name="guess" from="!HOME_NET" to="HOME_NET" port_from="ANY" port_to="22"
            reliability="2" occurrence="1" plugin_id="4003" plugin_sid="1,2" protocol="TCP">
        <rules>
          <rule type="detector" name="more" from="1:SRC_IP" to="1:DST_IP" reliability="+4" occurrence="5"
                time_out="600" plugin_id="4003" sticky="true" username="1:USERNAME">
            <rules>
              <rule type="detector" name="many" from="1:SRC_IP" reliability="8" occurrence="10" sticky_different="DST_IP"
                    time_out="3600" plugin_id="4003"/>
              <rule type="monitor" name="up" plugin_id="2005" to="1:DST_IP" port_to="1:DST_PORT" time_out="30" condition="gt" value="1" reliability="9"/>
            </rules>
          </rule>
        </rules>
      </rule>
    </directive>
    <directive id="2" name="strange" priority="2">
      <rule type="detector" plugin_id="7777" reliability="1"/>
    </directive>
    </directives>
    """

  @Test func aDirectiveKeepsItsTreeJoinsCountsAndTimes() throws {
    let imported = try OSSIMDirectives().read(Array(Self.xml.utf8), file: "a.xml")
    #expect(imported.count == 1)
    let directive = try #require(try Shipped.directives(imported).first)
    #expect(directive.name == "ossim-500001")
    #expect(directive.telling == .risk(1))
    #expect(directive.priority == 4)
    #expect(directive.stages.count == 4)
    #expect(directive.stages[1].count == 5)
    #expect(directive.stages[1].within == .minutes(10))
    #expect(directive.stages[1].joins.map(\.field) == [.source, .target])
    #expect(directive.stages[1].reliability == .by(4))
    #expect(directive.stages[2].distinct?.count == 10)
    // The third level's two rules are alternatives of one another.
    #expect(directive.graph.nodes.map(\.next.count).max() == 2)
    guard case .ask(let question) = directive.stages[3].test else {
      Issue.record("no question")
      return
    }
    #expect(question.delay == .seconds(30))
  }

  @Test func whatHasNoCounterpartIsLocated() throws {
    let imported = try OSSIMDirectives().read(Array(Self.xml.utf8), file: "a.xml")
    let lost = imported.notes.filter(\.isFault)
    #expect(lost.count == 1)
    #expect(lost.first?.line == 19)
    #expect(lost.first?.message.contains("--plugin 7777=KIND") == true)
    // An element's place is where its start tag ends.
    #expect(imported.notes.contains { $0.message.contains("username") && $0.line == 8 })
  }

  @Test func aPluginCanBeGivenAKind() throws {
    let imported = try OSSIMDirectives(plugins: ["7777": ["recon.port-scan"]])
      .read(Array(Self.xml.utf8), file: "a.xml")
    #expect(try Shipped.directives(imported).map(\.name) == ["ossim-500001", "ossim-2"])
  }

  @Test(arguments: [
    "", "<directives>", "<directive id='1'><rule></directive>", "<!DOCTYPE x [<!ENTITY a 'b'>]>",
  ])
  func brokenXMLIsAFault(text: String) {
    #expect(throws: ImportNote.self) { try OSSIMDirectives().read(Array(text.utf8), file: "b.xml") }
  }

  @Test(arguments: [
    ("<directives>\n<directive id='1'>\n<rule></directive>", 3, "an end tag does not fit"),
    ("<directives>\n<directive id=1>", 2, "not in quotes"),
    ("<directives><directive", 1, "'>' is missing"),
  ])
  func whatIsBrokenIsToldInWords(text: String, line: Int, words: String) {
    do {
      _ = try OSSIMDirectives().read(Array(text.utf8), file: "b.xml")
      Issue.record("it was read")
    } catch let note as ImportNote {
      #expect(note.message.contains(words), "\(note)")
      #expect(note.line == line)
    } catch {
      Issue.record(error)
    }
  }

  @Test func mutatedFilesAreReadOrFaulty() {
    var state: UInt64 = 7
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % max(bound, 1)
    }
    for _ in 0..<200 {
      var bytes = Array(Self.xml.utf8)
      for _ in 0...random(6) {
        let place = random(bytes.count)
        if random(2) == 0 {
          bytes[place] = UInt8(truncatingIfNeeded: random(256))
        } else {
          bytes.removeSubrange(place..<min(bytes.count, place + random(60)))
        }
      }
      guard let imported = try? OSSIMDirectives().read(bytes, file: "m.xml") else { continue }
      _ = try? Shipped.directives(imported)
    }
  }
}
