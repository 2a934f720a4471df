import ArgumentParser

/// Runs a program of Beryl: as ArgumentParser would, but a wrong option is bad input like any
/// other: 2, not EX_USAGE.
public enum Program {
  public static func run(_ program: (some AsyncParsableCommand).Type) async {
    do {
      var command = try program.parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      guard program.exitCode(for: error) == .validationFailure else {
        program.exit(withError: error)
      }
      complain(program.fullMessage(for: error))
      program.exit(withError: BerylExit.badInput)
    }
  }
}
