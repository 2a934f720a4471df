import Foundation

/// A result file: JSON, keys sorted, one value per line.
public enum ResultCoding {
  /// Why a result file cannot be read.
  public struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
    public var path: String
    public var reason: String

    public var description: String { "\(path): \(reason)" }
  }

  public static func encode(_ result: ReplayResult) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return try encoder.encode(result) + Data("\n".utf8)
  }

  /// `path` names the bytes in the fault.
  public static func decode(_ data: Data, path: String) throws(Fault) -> ReplayResult {
    do {
      return try JSONDecoder().decode(ReplayResult.self, from: data)
    } catch let error as DecodingError {
      throw Fault(path: path, reason: words(error, data))
    } catch {
      throw Fault(path: path, reason: "\(error)")
    }
  }

  /// Reads a result file.
  public static func load(_ path: String) throws(Fault) -> ReplayResult {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw Fault(path: path, reason: "cannot be read: \(error.localizedDescription)")
    }
    return try decode(data, path: path)
  }

  /// What is wrong, and where: the decoder says neither, the older reader "… around character N".
  private static func fault(in data: Data) -> String? {
    do {
      _ = try JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed)
      return nil
    } catch {
      let text = (error as NSError).userInfo["NSDebugDescription"] as? String
      let parts = (text ?? "").components(separatedBy: " around character ")
      let place = parts.count > 1 ? Int(parts[1].prefix(while: \.isNumber)) : nil
      let before = data.prefix(place ?? data.count)
      let newline = UInt8(ascii: "\n")
      let column = before.count - (before.lastIndex(of: newline).map { $0 + 1 } ?? 0) + 1
      let what =
        place == nil ? "it ends early" : parts[0].prefix(1).lowercased() + parts[0].dropFirst()
      return "\(what), line \(1 + before.count { $0 == newline }), column \(column)"
    }
  }

  private static func words(_ error: DecodingError, _ data: Data) -> String {
    func place(_ context: DecodingError.Context) -> String {
      let path = context.codingPath.map { key in
        key.intValue.map { "[\($0)]" } ?? "." + key.stringValue
      }.joined()
      return path.isEmpty ? "top level" : String(path.drop { $0 == "." })
    }
    switch error {
    case .keyNotFound(let key, let context):
      return "no replay result: \(place(context)) has no '\(key.stringValue)'"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return "no replay result: \(place(context)): \(context.debugDescription)"
    case .dataCorrupted(let context):
      return "not JSON: \(fault(in: data) ?? context.debugDescription)"
    @unknown default: return "\(error)"
    }
  }
}
