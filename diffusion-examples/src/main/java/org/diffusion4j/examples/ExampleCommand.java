package org.diffusion4j.examples;

import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A subcommand, which refuses wrong arguments with exit code 2. */
abstract class ExampleCommand implements Callable<Integer> {

  @SuppressWarnings("NullAway.Init")
  @Spec
  private CommandSpec spec;

  final void require(boolean met, String message) {
    require(spec, met, message);
  }

  /** The same for options that several subcommands have. */
  static void require(CommandSpec of, boolean met, String message) {
    if (!met) {
      throw new ParameterException(of.commandLine(), message);
    }
  }

  final PrintWriter out() {
    return spec.commandLine().getOut();
  }
}
