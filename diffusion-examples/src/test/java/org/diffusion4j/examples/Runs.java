package org.diffusion4j.examples;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import picocli.CommandLine;

/** What running an example came to. */
record Runs(int exitCode, String out, String err) {

  static Runs of(Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine commandLine =
        Examples.commandLine().setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    int exitCode =
        commandLine.execute(Arrays.stream(arguments).map(Object::toString).toArray(String[]::new));
    commandLine.getOut().flush();
    commandLine.getErr().flush();
    return new Runs(exitCode, out.toString(), err.toString());
  }
}
