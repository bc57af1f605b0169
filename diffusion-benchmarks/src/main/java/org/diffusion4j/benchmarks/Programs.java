package org.diffusion4j.benchmarks;

import java.util.concurrent.Callable;
import picocli.CommandLine;

/**
 * Runs the programs of this package. The exit code is 0 on success, 1 after an error, 2 for wrong
 * arguments.
 */
final class Programs {

  private Programs() {}

  static CommandLine commandLine(Callable<Integer> program) {
    return new CommandLine(program)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExecutionExceptionHandler(
            (e, commandLine, arguments) -> {
              commandLine.getErr().println("error: " + e.getMessage());
              return CommandLine.ExitCode.SOFTWARE;
            });
  }
}
