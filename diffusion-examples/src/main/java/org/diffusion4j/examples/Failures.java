package org.diffusion4j.examples;

import java.nio.file.FileSystemException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ExecutionException;

/** The message of an error for users, in one line. */
final class Failures {

  private Failures() {}

  /** The first message in the chain of causes. */
  static String message(Throwable thrown) {
    Throwable at = thrown;
    for (Throwable cause = at.getCause(); cause != null && wraps(at, cause); ) {
      at = cause;
      cause = at.getCause();
    }
    return oneLine(describe(at));
  }

  private static boolean wraps(Throwable outer, Throwable cause) {
    String message = outer.getMessage();
    return outer instanceof ExecutionException
        || outer instanceof LinkageError
        || message == null
        || message.equals(cause.toString());
  }

  private static String describe(Throwable thrown) {
    @Nullable String message = thrown.getMessage();
    if (thrown instanceof OutOfMemoryError) {
      return "out of memory: a smaller --batch needs less, java -Xmx gives more (" + message + ")";
    }
    if (thrown instanceof FileSystemException e && e.getReason() == null) {
      return message + ": " + thrown.getClass().getSimpleName();
    }
    boolean telling = message != null && !(thrown instanceof LinkageError);
    return telling ? String.valueOf(message) : thrown.toString();
  }

  static String oneLine(String message) {
    return message.strip().replaceAll("\\s*\\R\\s*", " ");
  }
}
