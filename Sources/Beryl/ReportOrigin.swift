import Archive
import ArgumentParser
import Scenarios

/// Where a verb finds the reports that it speaks of: a result file, or archives.
struct ReportOrigin: ParsableArguments {
  @Option(
    name: .long, help: "A result file of 'beryl replay --json'.", completion: .file())
  var result: String?

  @Option(
    name: .long, help: "An archive, or a directory of archives; may be given several times.",
    completion: .file())
  var archive: [String] = []

  func validate() throws {
    guard (result != nil) != !archive.isEmpty else {
      throw ValidationError("Give either --result FILE or --archive PATH")
    }
  }

  /// Whether an error says that what was named cannot be read, or does not hold what was asked for.
  static func explains(_ error: any Error) -> Bool {
    error is LookupFault || error is ArchiveFault || error is ResultCoding.Fault
  }
}
