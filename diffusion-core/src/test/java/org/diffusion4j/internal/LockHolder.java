package org.diffusion4j.internal;

import java.io.IOException;
import java.nio.file.Path;

/** A process that holds the lock of a folder until it is killed. */
final class LockHolder {

  private LockHolder() {}

  public static void main(String[] args) throws IOException, InterruptedException {
    Path folder = Path.of(args[0]);
    try (WriterLock lock = WriterLock.take(folder, folder.resolve(".lock"))) {
      System.out.println("held");
      Thread.sleep(Long.MAX_VALUE);
    }
  }
}
