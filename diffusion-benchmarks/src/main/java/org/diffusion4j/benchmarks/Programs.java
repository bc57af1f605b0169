package org.diffusion4j.benchmarks;

import java.util.concurrent.Callable;
import picocli.CommandLine;

/** How the programs of this package end: 0 if all went well, 1 after an error, 2 on misuse. */
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
