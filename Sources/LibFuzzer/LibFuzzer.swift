import Fuzzing
import Glibc

/// The target that `BERYL_FUZZ_TARGET` names, or the frames.
nonisolated(unsafe) private let target: FuzzTarget = {
  let name = getenv("BERYL_FUZZ_TARGET").map { String(cString: $0) } ?? "frames"
  guard let target = FuzzCatalog.target(name) else {
    print("no target \(name); there are \(FuzzCatalog.names.joined(separator: ", "))")
    exit(2)
  }
  return target
}()

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
  target.consume(UnsafeRawBufferPointer(start: bytes, count: count))
  return 0
}
