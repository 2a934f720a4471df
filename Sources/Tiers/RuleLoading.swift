import Crypto
import Foundation
public import Signatures

/// Rule files made ready for a monitor, from the cache if nothing has changed since.
public struct RuleLoading {
  public var paths: [String]
  public var variables: RuleVariables
  /// nil for no cache.
  public var cacheDirectory: String?

  public init(paths: [String], variables: RuleVariables, cacheDirectory: String? = nil) {
    self.paths = paths
    self.variables = variables
    self.cacheDirectory = cacheDirectory
  }

  /// - Returns: the rules, and what there is to say of them.
  public func load() throws -> (rules: SignatureSet, notes: [String]) {
    var notes: [String] = []
    let digest = try self.digest()
    let cache = cacheDirectory.map { RuleCache(directory: $0) }
    switch cache?.find(digest) {
    case .rules(let rules): return (rules, notes + [Self.summary(rules, isCached: true)])
    case .broken(let reason): notes.append("\(reason); the rules are compiled anew")
    case .nothing, nil: break
    }
    let read = try RuleFiles.load(paths, variables: variables, checksExpressions: true)
    let rules: SignatureSet
    do throws(SignatureFault) {
      rules = try SignatureSet(read)
    } catch {
      throw StartRefusal("\(error)")
    }
    cache?.keep(rules, digest)
    notes.append(Self.summary(rules, isCached: false))
    return (rules, notes)
  }

  private static func summary(_ rules: SignatureSet, isCached: Bool) -> String {
    let left =
      rules.unsupportedCount > 0
      ? ", \(rules.unsupportedCount) not evaluated ('beryl rules check' says why)" : ""
    return "\(rules.count) rules\(left)\(isCached ? ", from the cache" : "")"
  }

  /// Of the files as they lie there, the variables and the format.
  private func digest() throws -> String {
    var hash = SHA256()
    hash.update(data: Data(SignatureSet.format.utf8))
    for (name, value) in variables.addresses.sorted(by: { $0.key < $1.key }) {
      hash.update(data: Data("\(name)=\(value)\n".utf8))
    }
    for (name, value) in variables.ports.sorted(by: { $0.key < $1.key }) {
      hash.update(data: Data("\(name)=\(value)\n".utf8))
    }
    for path in paths {
      guard let file = try? Data(contentsOf: URL(filePath: path), options: .mappedIfSafe) else {
        throw StartRefusal("\(path): the rules cannot be read")
      }
      hash.update(data: Data("\(path)\n\(file.count)\n".utf8))
      hash.update(data: file)
    }
    return hash.finalize().prefix(16).map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }
}
