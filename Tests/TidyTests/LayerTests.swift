import Foundation
import Testing

/// The layers of ARCHITECTURE.md: a module imports only from lower ones.
private let layers: [String: Int] = [
  "Terms": 0, "CPcap": 0, "CZlib": 0, "CZstd": 0, "CPrefetch": 0, "CHyperscan": 0,
  "CPCRE2": 0,
  "Packets": 1, "Reports": 1, "Hierarchy": 2,
  "Flows": 2, "Analysis": 2,
  "Signatures": 3,
  "Detection": 4, "Correlation": 4, "Response": 4, "Importing": 4,
  "Monitoring": 5,
  "Capture": 6, "Links": 6, "Archive": 6,
  "Scenarios": 7,
  "Tiers": 8, "Fuzzing": 8,
  "Replay": 9,
  "LocalMonitor": 10, "DomainMonitor": 10, "EnterpriseMonitor": 10, "Beryl": 10, "Benchmarks": 10,
  "LibFuzzer": 10,
]

struct SourceFile: CustomStringConvertible, Sendable {
  /// The longest file and line that a reader should meet.
  static let lineLimit = 400

  let path: String
  let module: String
  let lines: [Substring]

  var description: String { path }
  var isGenerated: Bool { path.hasSuffix(".pb.swift") }

  var imports: [String] {
    lines.compactMap { line in
      let words = line.split(separator: " ")
      guard let position = words.firstIndex(of: "import"), position <= 1,
        words.count > position + 1
      else { return nil }
      return String(words[position + 1])
    }
  }

  static func all() throws -> [SourceFile] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources")
    let names =
      FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
    return try names.filter { $0.hasSuffix(".swift") }.sorted().map { name in
      let text = try String(contentsOf: root.appending(path: name), encoding: .utf8)
      return SourceFile(
        path: name, module: String(name.prefix { $0 != "/" }),
        lines: text.split(separator: "\n", omittingEmptySubsequences: false))
    }
  }
}

@Test(arguments: try SourceFile.all()) func importsPointDownward(file: SourceFile) throws {
  let own = try #require(layers[file.module], "module \(file.module) has no layer")
  for name in file.imports {
    guard let layer = layers[name] else { continue }
    #expect(layer < own, "\(file) of layer \(own) imports \(name) of layer \(layer)")
  }
}

@Test(arguments: try SourceFile.all()) func filesStaySmallAndFinished(file: SourceFile) {
  guard !file.isGenerated else { return }
  #expect(file.lines.count <= SourceFile.lineLimit, "\(file) has \(file.lines.count) lines")
  for mark in ["FIX" + "ME", "TO" + "DO", "XX" + "X"] {
    #expect(!file.lines.contains { $0.contains(mark) }, "\(file) is unfinished: \(mark)")
  }
}

@Test func noModuleDeclaresATypeOfItsOwnName() throws {
  for file in try SourceFile.all() where !file.isGenerated && file.module != "Beryl" {
    for word in ["struct", "class", "enum", "actor", "protocol"] {
      #expect(
        !file.lines.contains { $0.contains("public \(word) \(file.module) ") }, "\(file)")
    }
  }
}
