import Capture
public import Hierarchy
public import Signatures

/// Rule files in the language of Suricata and Snort, as users have them: plain, gzip or zstd.
public enum RuleFiles {
  /// Reads files in order. The rules of a file that cannot be read are not guessed at: it throws.
  public static func load(
    _ paths: [String], variables: RuleVariables, checksExpressions: Bool = true
  ) throws -> RuleSet {
    var reader = RuleReader(variables: variables, checksExpressions: checksExpressions)
    var bar = ProgressBar("reading rules")
    defer { bar.finish() }
    for (index, path) in paths.enumerated() {
      do throws(CaptureFault) {
        let bytes = try PackedFile.read(path: path) { share in
          bar.update((Double(index) + share / 2) / Double(paths.count), note: path)
        }
        bar.update((Double(index) + 0.5) / Double(paths.count), note: path)
        reader.read(bytes, file: path)
      } catch {
        throw StartRefusal("\(path): \(error.reason)")
      }
    }
    return reader.rules
  }
}

extension RuleVariables {
  /// `$HOME_NET` is what the topology's segments are made of.
  public init(topology: Topology) {
    self.init(home: topology.segments.flatMap(\.prefixes))
  }

  /// Sets what `NAME=VALUE` says; false if it does not say that.
  public mutating func set(definition: String) -> Bool {
    let parts = definition.split(separator: "=", maxSplits: 1)
    guard parts.count == 2, !parts[0].isEmpty else { return false }
    set(String(parts[0].drop { $0 == "$" }), to: String(parts[1]))
    return true
  }
}
