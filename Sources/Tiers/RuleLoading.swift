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
    let cache = cacheDirectory.map { RuleCache(directory: $0) }
    let stamp = cache.flatMap { _ in RuleStamp(paths, context: context) }
    let known = stamp.flatMap { cache?.digest(under: $0) }
    let digest = try known ?? self.digest()
    switch cache?.find(digest) {
    case .rules(let rules):
      if let stamp, known == nil { cache?.keep(digest, under: stamp) }
      return (rules, notes + [Self.summary(rules, isCached: true)])
    case .broken(let reason): notes.append("\(reason); the rules are compiled anew")
    case .nothing, nil: break
    }
    // What was compiled must not pass for what a stamp that is now wrong once stood for.
    let fresh = known == nil ? digest : try self.digest()
    let read = try RuleFiles.load(paths, variables: variables, checksExpressions: true)
    let rules: SignatureSet
    do throws(SignatureFault) {
      rules = try SignatureSet(read)
    } catch {
      throw StartRefusal("\(error)")
    }
    cache?.keep(rules, fresh)
    notes.append(Self.summary(rules, isCached: false))
    return (rules, notes)
  }

  private static func summary(_ rules: SignatureSet, isCached: Bool) -> String {
    let left =
      rules.unsupportedCount > 0
      ? ", \(rules.unsupportedCount) not evaluated ('beryl rules check' says why)" : ""
    return "\(rules.count) rules\(left)\(isCached ? ", from the cache" : "")"
  }

  /// What the compiled rules depend on besides the files: the format and the variables.
  private var context: String {
    let variables =
      variables.addresses.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }
      + variables.ports.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }
    return SignatureSet.format + variables.joined()
  }

  /// Of the files as they lie there, and their context.
  private func digest() throws -> String {
    var hash = SHA256()
    hash.update(data: Data(context.utf8))
    for path in paths {
      let file: Data
      do {
        file = try Data(contentsOf: URL(filePath: path), options: .mappedIfSafe)
      } catch {
        throw StartRefusal("\(path): the rules cannot be read: \(error.localizedDescription)")
      }
      hash.update(data: Data("\(path)\n\(file.count)\n".utf8))
      hash.update(data: file)
    }
    return hash.finalize().hexadecimalPrefix
  }
}
