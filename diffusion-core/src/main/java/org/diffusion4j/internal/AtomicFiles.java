package org.diffusion4j.internal;

import com.google.common.hash.Hashing;
import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Writes files and directories under a temporary name and renames them when they are complete.
 *
 * <p>Symbolic links are followed: their target is replaced. Call {@link #recover} before reading a
 * directory that was written by this class (docs/decisions/0012).
 */
public final class AtomicFiles {

  /** Maximum number of attempts to replace a directory. */
  private static final int ATTEMPTS = 1000;

  /** The limit of Linux. */
  private static final int MOST_LINKS = 40;

  /** Leaves room for prefix and suffix in the 255 bytes of a file name. */
  private static final int LONGEST_LABEL = 200;

  private static final String UNFINISHED = ".tmp";
  private static final String REPLACED = ".old";

  private AtomicFiles() {}

  /** Writes to a path. */
  @FunctionalInterface
  public interface Writer {
    void write(Path path) throws IOException;
  }

  /**
   * Writes a file and replaces an existing one.
   *
   * @param file the file; missing parent directories are created
   * @param writer writes the file to another path; if it fails, nothing changes
   * @throws IOException naming the file
   */
  public static void writeFile(Path file, Writer writer) throws IOException {
    Path target = target(file);
    Path beside = beside(target, UNFINISHED);
    try {
      writer.write(beside);
      force(beside);
      Files.move(
          beside, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw blame(file, beside, e);
    } finally {
      deleteQuietly(beside);
    }
  }

  /**
   * Writes a directory and replaces an existing one.
   *
   * @param directory the directory; missing parent directories are created
   * @param writer writes to another, empty directory; if it fails, nothing changes
   * @throws IOException naming the directory, or the file in it
   */
  public static void writeDirectory(Path directory, Writer writer) throws IOException {
    Path target = target(directory);
    Path beside = beside(target, UNFINISHED);
    try {
      Files.createDirectory(beside);
      writer.write(beside);
      try (Stream<Path> files = Files.walk(beside)) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          force(file);
        }
      }
      replace(target, beside);
    } catch (IOException e) {
      throw blame(directory, beside, e);
    } finally {
      deleteQuietly(beside);
    }
  }

  /**
   * Restores the old directory if a process ended between moving it away and moving the new one in.
   * Does nothing if the directory exists, or if nothing was replaced.
   *
   * @param directory the directory to read
   * @throws IOException if its parent directory cannot be listed
   */
  public static void recover(Path directory) throws IOException {
    Path target = target(directory);
    if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    for (Path old : replaced(target)) {
      try {
        Files.move(old, target, StandardCopyOption.ATOMIC_MOVE);
        return;
      } catch (IOException e) {
        if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
          return; // The writer is alive and has completed the replacement.
        }
      }
    }
  }

  /** Directories cannot be replaced in one step, so the old one is renamed first. */
  private static void replace(Path directory, Path by) throws IOException {
    for (int attempt = 1; true; attempt++) {
      Path old = beside(directory, REPLACED);
      boolean moved = moveIfThere(directory, old);
      try {
        Files.move(by, directory, StandardCopyOption.ATOMIC_MOVE);
        break;
      } catch (IOException e) {
        if (moved) {
          putBack(old, directory);
        }
        // Most likely another writer was faster; its directory is now the one to replace.
        if (attempt == ATTEMPTS) {
          throw e;
        }
      }
    }
    for (Path old : replaced(directory)) {
      discard(old);
    }
  }

  /** Undoes a move, unless another writer has created the directory. */
  private static void putBack(Path old, Path directory) throws IOException {
    try {
      Files.move(old, directory, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      if (!Files.exists(directory)) {
        throw e;
      }
      discard(old);
    }
  }

  /** A partly deleted directory must not look like one to restore. */
  private static void discard(Path old) throws IOException {
    Path waste = beside(old, UNFINISHED);
    if (moveIfThere(old, waste)) {
      deleteQuietly(waste);
    }
  }

  /** The directories that were moved away to be replaced; there are none, except after a kill. */
  private static List<Path> replaced(Path directory) throws IOException {
    Path parent = parent(directory);
    if (!Files.isDirectory(parent)) {
      return List.of();
    }
    Pattern name =
        Pattern.compile(
            Pattern.quote(start(directory)) + "[0-9a-f-]{36}" + Pattern.quote(REPLACED));
    try (Stream<Path> siblings = Files.list(parent)) {
      return siblings.filter(path -> name.matcher(name(path)).matches()).sorted().toList();
    }
  }

  /** The target of a chain of symbolic links, which need not exist. */
  private static Path target(Path path) throws IOException {
    Path target = path.toAbsolutePath();
    for (int links = 0; Files.isSymbolicLink(target); links++) {
      if (links == MOST_LINKS) {
        throw new IOException(path + ": symbolic links must not be circular");
      }
      target = target.resolveSibling(Files.readSymbolicLink(target));
    }
    return target;
  }

  /** Writes a file to disk, so that a crash does not leave an empty file with the final name. */
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

  private static Path beside(Path path, String end) throws IOException {
    Path parent = parent(path);
    Files.createDirectories(parent);
    return parent.resolve(start(path) + UUID.randomUUID() + end);
  }

  private static Path parent(Path path) throws IOException {
    Path parent = path.toAbsolutePath().getParent();
    if (parent == null) {
      throw new IOException(path + ": must have a parent directory");
    }
    return parent;
  }

  /** The prefix of the names of a path's hidden siblings. */
  private static String start(Path path) {
    String name = name(path);
    boolean fits = name.getBytes(StandardCharsets.UTF_8).length <= LONGEST_LABEL;
    return "."
        + (fits ? name : Hashing.sha256().hashString(name, StandardCharsets.UTF_8).toString())
        + ".";
  }

  private static String name(Path path) {
    return String.valueOf(path.getFileName());
  }

  /** The exception with the path that should be written instead of the temporary one. */
  private static IOException blame(Path path, Path beside, IOException e) {
    if (e instanceof ClosedChannelException) {
      return e; // The thread was interrupted; the type tells the caller.
    }
    String reason = String.valueOf(e.getMessage());
    if (e instanceof FileSystemException f) {
      String why = f.getReason() == null ? e.getClass().getSimpleName() : f.getReason();
      reason = f.getFile() + ": " + why;
    }
    String named = reason.replace(beside.toString(), path.toString());
    if (named.equals(e.getMessage()) && named.startsWith(path.toString())) {
      return e;
    }
    return new IOException(named.startsWith(path.toString()) ? named : path + ": " + named, e);
  }

  /** Ignores errors, because the result of the operation matters more. */
  private static void deleteQuietly(Path path) {
    try {
      delete(path);
    } catch (IOException e) {
      // Its name marks it as unfinished.
    }
  }

  private static void delete(Path path) throws IOException {
    if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      MoreFiles.deleteRecursively(path, RecursiveDeleteOption.ALLOW_INSECURE);
    }
  }
}
