import Correlation
import Foundation
import Hierarchy
import Reports
import Tiers

/// `beryl rules check` for files of directives: faults of form, then the examples.
struct DirectiveCheck {
  /// A check's answer for all files together.
  struct Outcome: Encodable {
    struct Row: Encodable {
      var file: String
      var line: Int
      var column: Int
      var rule: String
      var message: String
    }

    var directives = 0
    var examples = 0
    var faults: [Row] = []

    /// One line per fault, then how many directives and examples there are.
    var text: String {
      let count = faults.count
      let lines = faults.map { "\($0.file):\($0.line):\($0.column): \($0.message) [\($0.rule)]" }
      let end =
        "\(directives) directives, \(examples) examples run: "
        + (count == 0 ? "no fault" : "\(count) \(count == 1 ? "fault" : "faults")")
      return (lines + [end]).joined(separator: "\n")
    }
  }

  /// The schema that directives are checked against.
  let schema: Schema

  /// Whether the file holds directives: a folder, or YAML with `directives` at the left margin.
  static func recognises(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return false }
    if isFolder.boolValue { return true }
    guard let file = FileHandle(forReadingAtPath: path),
      let start = try? file.read(upToCount: 1 << 16)
    else { return false }
    return String(decoding: start, as: UTF8.self).split(separator: "\n")
      .contains { $0.hasPrefix("directives:") }
  }

  /// The schema of a topology; where none is named, of the file or folder beside the directives.
  init(topology: String?, files: [String]) throws {
    if let topology {
      schema = try loadTopology(topology).schema
      return
    }
    var folders: [String] = []
    for file in files {
      let folder = file.lastIndex(of: "/").map { String(file[..<$0]) } ?? "."
      folders += [file, folder, folder + "/..", file + "/.."]
    }
    folders.append("topology")
    for folder in folders {
      let path = folder + "/schema.yaml"
      if FileManager.default.fileExists(atPath: path) {
        schema = try Schema.load(path: path)
        return
      }
    }
    throw StartRefusal(
      "no schema.yaml beside the directives: name a topology whose schema they are for, "
        + "with --topology FILE")
  }

  func run(_ files: [String]) -> Outcome {
    var outcome = Outcome()
    for file in files {
      do {
        let directives = try Directive.load(path: file, schema: schema)
        outcome.directives += directives.count
        outcome.examples += directives.reduce(0) { $0 + $1.examples.count }
        outcome.faults += DirectiveExamples.failures(of: directives, schema: schema).map {
          Outcome.Row(
            file: $0.file, line: $0.line, column: 1, rule: "example", message: $0.message)
        }
      } catch {
        outcome.faults += error.faults.map { fault in
          let hint = fault.suggestion.map { "; did you mean '\($0)'?" } ?? ""
          return Outcome.Row(
            file: fault.file, line: fault.line, column: fault.column, rule: fault.kind.rule,
            message: fault.message + hint)
        }
      }
    }
    return outcome
  }
}
