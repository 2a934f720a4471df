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

  /// Sets what each `NAME=VALUE` says, then sees whether all of them can be used: one that cannot
  /// would make its rules silent.
  ///
  /// - Parameter option: what the user wrote them behind, for the refusal.
  public mutating func define(_ definitions: [String], option: String) throws {
    var names: [String] = []
    for definition in definitions {
      let parts = definition.split(separator: "=", maxSplits: 1)
      let name = parts.first.map { String($0.drop { $0 == "$" }) } ?? ""
      guard parts.count == 2, !name.isEmpty else {
        throw StartRefusal("\(option) \(definition): 'NAME=VALUE' is needed")
      }
      set(name, to: String(parts[1]))
      names.append(name)
    }
    for name in names {
      guard let fault = fault(of: name) else { continue }
      throw StartRefusal("\(option) \(name): \(fault)")
    }
  }

  /// Why a rule cannot use the variable.
  private func fault(of name: String) -> String? {
    let head = ports[name] == nil ? "ip $\(name) any" : "tcp any $\(name)"
    var reader = RuleReader(variables: self, checksExpressions: false)
    reader.read(Array("alert \(head) -> any any (sid:1;)".utf8), file: name)
    return reader.rules.unsupported.first?.reason
  }
}
