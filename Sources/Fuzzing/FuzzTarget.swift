/// Something that reads bytes from outside, with the inputs that it is tried with.
public class FuzzTarget {
  public let name: String
  /// Sound inputs, from which others are made.
  let seeds: [[UInt8]]
  let tokens: [[UInt8]]

  init(_ name: String, seeds: [[UInt8]], tokens: [String] = []) {
    self.name = name
    self.seeds = seeds
    self.tokens = tokens.map { Array($0.utf8) }
  }

  /// Reads one input; must neither trap nor hang, whatever it is.
  public func consume(_ input: UnsafeRawBufferPointer) {}

  /// Bytes that a library below may lose with each input.
  public var lossLimit: Int { 0 }

  /// What was found of sound inputs so far: a target whose seeds are not understood tests nothing.
  public var understood: UInt64 { 0 }
}
