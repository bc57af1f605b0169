package org.diffusion4j.internal;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;
import java.util.stream.Stream;

/** Writes files and directories beside their place and renames them when they are whole. */
public final class AtomicFiles {

  /** Tries to replace a directory before it is given up. */
  private static final int ATTEMPTS = 1000;

  private AtomicFiles() {}

  /** Writes something at the path that it is given. */
  @FunctionalInterface
  public interface Writer {
    void write(Path path) throws IOException;
  }

  /**
   * Writes a file, replacing the one that may be there.
   *
   * @param file where it is to be; missing parent directories are made
   * @param writer writes a file at another path; if it fails, nothing changes
   */
  public static void writeFile(Path file, Writer writer) throws IOException {
    Path beside = beside(file);
    try {
      writer.write(beside);
      force(beside);
      Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(beside);
    }
  }

  /**
   * Writes a directory, replacing the one that may be there.
   *
   * @param directory where it is to be; missing parent directories are made
   * @param writer fills another, empty directory; if it fails, nothing changes
   */
  public static void writeDirectory(Path directory, Writer writer) throws IOException {
    Path beside = beside(directory);
    try {
      Files.createDirectory(beside);
      writer.write(beside);
      try (Stream<Path> files = Files.walk(beside)) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          force(file);
        }
      }
      replace(directory, beside);
    } finally {
      delete(beside);
    }
  }

  /** Directories cannot be replaced in one step: the old one waits under another name. */
  private static void replace(Path directory, Path by) throws IOException {
    for (int attempt = 1; true; attempt++) {
      Path old = beside(directory);
      boolean moved = moveIfThere(directory, old);
      try {
        Files.move(by, directory, StandardCopyOption.ATOMIC_MOVE);
        delete(old);
        return;
      } catch (IOException e) {
        if (moved) {
          putBack(old, directory);
        }
        // Most likely another writer was faster, and what it wrote is now what is to be replaced.
        if (attempt == ATTEMPTS) {
          throw e;
        }
      }
    }
  }

  /** Undoes a move, unless another writer has taken the place. */
  private static void putBack(Path old, Path directory) throws IOException {
    try {
      Files.move(old, directory, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      if (!Files.exists(directory)) {
        throw e;
      }
      delete(old);
    }
  }

  /** Waits until a file is on the disk, so that no crash leaves an empty one under a final name. */
  private static void force(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
  }

  private static boolean moveIfThere(Path from, Path to) throws IOException {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
      return true;
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  private static Path beside(Path path) throws IOException {
    Path absolute = path.toAbsolutePath();
    Path parent = absolute.getParent();
    if (parent == null) {
      throw new IOException(path + " has no parent directory");
    }
    Files.createDirectories(parent);
    return parent.resolve("." + absolute.getFileName() + "." + UUID.randomUUID() + ".tmp");
  }

  private static void delete(Path directory) throws IOException {
    if (Files.exists(directory)) {
      MoreFiles.deleteRecursively(directory, RecursiveDeleteOption.ALLOW_INSECURE);
    }
  }
}
