package org.diffusion4j.examples;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;
import picocli.CommandLine.ScopeType;

/**
 * The examples, each a subcommand. The exit code is 0 on success, 1 after an error, 2 for wrong
 * arguments.
 */
@Command(
    name = "examples",
    description = "Trains diffusion models and samples from them.",
    mixinStandardHelpOptions = true,
    version = "diffusion4j",
    subcommands = {
      DigitsCommand.class,
      MixtureCommand.class,
      SeriesCommand.class,
      ImagesCommand.class,
      TuneCommand.class,
      GenerateCommand.class,
      ExportCommand.class,
      InpaintCommand.class,
      RestyleCommand.class,
      InterpolateCommand.class,
      EnlargeCommand.class,
      TextCommand.class,
      TextTrainingCommand.class,
      CompareCommand.class,
      LikelihoodCommand.class,
      ServeCommand.class,
      LoadCommand.class,
      CustomCommand.class
    })
public final class Examples {

  @Option(
      names = "--verbose",
      scope = ScopeType.INHERIT,
      description = "Print the stack trace of an error.")
  private boolean verbose;

  private Examples() {}

  /** Runs an example and ends the program. */
  public static void main(String[] args) {
    System.setProperty("java.awt.headless", "true");
    System.exit(commandLine().execute(args));
  }

  static CommandLine commandLine() {
    Examples examples = new Examples();
    return new CommandLine(examples)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExecutionStrategy(examples::execute)
        .setParameterExceptionHandler((e, args) -> misused(e));
  }

  /** Runs the subcommand; reports errors of the JVM like other errors. */
  private int execute(ParseResult arguments) {
    CommandLine commandLine = arguments.commandSpec().commandLine();
    try {
      return new RunLast().execute(arguments);
    } catch (ParameterException e) {
      return misused(e);
    } catch (RuntimeException | LinkageError | OutOfMemoryError e) {
      commandLine.getErr().println("error: " + Failures.message(e));
      if (verbose) {
        e.printStackTrace(commandLine.getErr());
      }
      return CommandLine.ExitCode.SOFTWARE;
    }
  }

  private static int misused(ParameterException e) {
    CommandLine commandLine = e.getCommandLine();
    commandLine
        .getErr()
        .println(
            "error: "
                + Failures.oneLine(String.valueOf(e.getMessage()))
                + "; see "
                + commandLine.getCommandSpec().qualifiedName()
                + " --help");
    return CommandLine.ExitCode.USAGE;
  }
}
