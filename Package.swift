// swift-tools-version:6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let arguments = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let certificates = Target.Dependency.product(name: "X509", package: "swift-certificates")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let lifecycle = Target.Dependency.product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let nio: [Target.Dependency] = [
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "NIOPosix", package: "swift-nio"),
  .product(name: "NIOTLS", package: "swift-nio"),
  .product(name: "NIOSSL", package: "swift-nio-ssl"),
]
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
  name: "beryl",
  products: [
    .executable(name: "beryl", targets: ["Beryl"]),
    .executable(name: "beryl-local", targets: ["LocalMonitor"]),
    .executable(name: "beryl-domain", targets: ["DomainMonitor"]),
    .executable(name: "beryl-enterprise", targets: ["EnterpriseMonitor"]),
    .executable(name: "beryl-bench", targets: ["Benchmarks"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/apple/swift-asn1", from: "1.0.0"),
    .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // Layer 0
    module("Terms", []),
    .systemLibrary(name: "CPcap", pkgConfig: "libpcap", providers: [.apt(["libpcap-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(
      name: "CHyperscan", pkgConfig: "libhs", providers: [.apt(["libhyperscan-dev"])]),
    .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .target(name: "CPrefetch"),
    // Layer 1
    module("Packets", ["Terms"]),
    .target(
      name: "Reports", dependencies: ["Terms", crypto, protobuf], exclude: ["Wire/beryl.proto"],
      swiftSettings: settings),
    module("Hierarchy", ["Terms", "Reports", yams]),
    // Layer 2
    module("Flows", ["Packets", "Terms", "CPrefetch"]),
    module("Analysis", ["Reports", "Terms", "CPrefetch", heap]),
    // Layer 3
    module(
      "Signatures",
      [
        "Analysis", "Flows", "Packets", "Terms", "CHyperscan", "CPCRE2", "CPrefetch", "CZlib",
        crypto,
      ]),
    // Layer 4
    module(
      "Detection",
      [
        "Analysis", "Flows", "Packets", "Reports", "Signatures", "Terms", "CPrefetch",
      ]),
    module("Correlation", ["Analysis", "Hierarchy", "Reports", "Terms"]),
    module("Response", ["Analysis", "Hierarchy", "Reports", "Terms"]),
    module("Importing", ["Hierarchy"]),
    // Layer 5
    module("Monitoring", ["Analysis", "Hierarchy", "Reports", "Response", "Terms"]),
    // Layer 6
    module("Capture", ["Packets", "Terms", "CPcap", "CZlib", "CZstd"]),
    module(
      "Links",
      ["Monitoring", "Reports", "Terms", asn1, certificates, crypto, deque, protobuf] + nio),
    module("Archive", ["Monitoring", "Reports", "Terms", grdb]),
    // Layer 7
    module("Scenarios", ["Archive", "Hierarchy", "Monitoring", "Reports", "Terms"]),
    // Layer 8
    module(
      "Tiers",
      [
        "Analysis", "Archive", "Capture", "Correlation", "Detection", "Flows", "Hierarchy",
        "Links", "Monitoring", "Packets", "Reports", "Response", "Scenarios", "Signatures", "Terms",
        arguments, crypto, lifecycle, logging, metrics, signals,
      ]),
    module(
      "Fuzzing",
      ["Capture", "Flows", "Hierarchy", "Links", "Packets", "Reports", "Scenarios", "Terms"]),
    // Layer 9
    module(
      "Replay",
      [
        "Analysis", "Archive", "Capture", "Detection", "Hierarchy", "Links", "Monitoring",
        "Reports", "Scenarios", "Terms", "Tiers", heap, logging,
      ]),
    // Layer 10
    program("LocalMonitor", ["Tiers"]),
    program("DomainMonitor", ["Tiers"]),
    program("EnterpriseMonitor", ["Tiers"]),
    program(
      "Beryl",
      [
        "Archive", "Correlation", "Hierarchy", "Importing", "Links", "Monitoring", "Replay",
        "Reports", "Scenarios", "Signatures", "Terms", "Tiers", arguments, logging, signals,
      ]),
    program(
      "Benchmarks",
      [
        "Analysis", "Archive", "Capture", "CPcap", "Correlation", "Detection", "Flows", "Fuzzing",
        "Hierarchy", "Links", "Monitoring", "Packets", "Replay", "Reports", "Response",
        "Signatures",
        "Terms", "Tiers",
      ]),
    // Tests
    tests("TermsTests", ["Terms"]),
    tests("PacketsTests", ["Packets", "Terms", "Capture"]),
    tests("ReportsTests", ["Reports", "Terms", protobuf]),
    tests("HierarchyTests", ["Hierarchy", "Reports", "Terms"]),
    tests("FlowsTests", ["Flows", "Packets", "Terms", "Capture"]),
    tests("AnalysisTests", ["Analysis", "Reports", "Terms"]),
    tests("SignaturesTests", ["Flows", "Packets", "Signatures", "Terms", crypto]),
    tests(
      "DetectionTests",
      ["Analysis", "Capture", "Detection", "Flows", "Packets", "Reports", "Signatures", "Terms"]),
    tests(
      "CorrelationTests",
      ["Analysis", "Correlation", "Hierarchy", "Monitoring", "Reports", "Response", "Terms"]),
    tests(
      "MonitoringTests", ["Analysis", "Hierarchy", "Monitoring", "Reports", "Response", "Terms"]),
    tests("CaptureTests", ["Capture", "Packets", "Terms", "CZlib", "CZstd"]),
    tests("LinksTests", ["Links", "Monitoring", "Reports", "Terms"] + nio),
    tests("ArchiveTests", ["Archive", "Monitoring", "Reports", "Terms", grdb]),
    tests(
      "ScenariosTests", ["Archive", "Hierarchy", "Monitoring", "Reports", "Scenarios", "Terms"]),
    tests(
      "ReplayTests",
      ["Archive", "Hierarchy", "Links", "Monitoring", "Replay", "Reports", "Terms", "Tiers"]),
    tests(
      "TiersTests",
      ["Hierarchy", "Links", "Monitoring", "Reports", "Signatures", "Terms", "Tiers"]),
    tests("FuzzingTests", ["Fuzzing"]),
    tests("ImportingTests", ["Hierarchy", "Importing", "Reports", "Terms"]),
    tests("TidyTests", []),
  ],
  swiftLanguageModes: [.v6]
)

// libFuzzer, which wants a program without a main of its own:
// BERYL_LIBFUZZER=1 swift build -c release --sanitize=fuzzer --sanitize=address \
//   --scratch-path .build/fuzz --product beryl-libfuzzer
if Context.environment["BERYL_LIBFUZZER"] != nil {
  package.targets.append(program("LibFuzzer", ["Fuzzing"]))
  package.products.append(.executable(name: "beryl-libfuzzer", targets: ["LibFuzzer"]))
}

// Development aid: BERYL_ONLY=Flows,FlowsTests builds just those targets and what they need.
if let only = Context.environment["BERYL_ONLY"] {
  var wanted = Set(only.split(separator: ",").map(String.init))
  var size = 0
  while size != wanted.count {
    size = wanted.count
    for target in package.targets where wanted.contains(target.name) {
      for case .byNameItem(let name, _) in target.dependencies { wanted.insert(name) }
    }
  }
  package.targets.removeAll { !wanted.contains($0.name) }
  package.products = []
}
