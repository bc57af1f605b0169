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
 * Writes files and directories beside their place and renames them when they are whole.
 *
 * <p>A symbolic link is followed: what it leads to is replaced. Whoever reads a directory that was
 * written here calls {@link #recover} first (docs/decisions/0012).
 */
public final class AtomicFiles {

  /** Tries to replace a directory before it is given up. */
  private static final int ATTEMPTS = 1000;

  /** As many as Linux follows. */
  private static final int MOST_LINKS = 40;

  /** Leaves room in the 255 bytes of a name for what is added to it. */
  private static final int LONGEST_LABEL = 200;

  private static final String UNFINISHED = ".tmp";
  private static final String REPLACED = ".old";

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
   * Writes a directory, replacing the one that may be there.
   *
   * @param directory where it is to be; missing parent directories are made
   * @param writer fills another, empty directory; if it fails, nothing changes
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
   * Puts the former directory back if a process ended between taking it away and putting the new
   * one in its place. Nothing happens if anything is there, or if nothing was replaced.
   *
   * @param directory that is to be read
   * @throws IOException if what is beside it cannot be listed
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
          return; // The writer lives, and was faster.
        }
      }
    }
  }

  /** Directories cannot be replaced in one step: the old one waits under another name. */
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
        // Most likely another writer was faster, and what it wrote is now what is to be replaced.
        if (attempt == ATTEMPTS) {
          throw e;
        }
      }
    }
    for (Path old : replaced(directory)) {
      discard(old);
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
      discard(old);
    }
  }

  /** Half deleted, nothing may look like a directory to put back. */
  private static void discard(Path old) throws IOException {
    Path waste = beside(old, UNFINISHED);
    if (moveIfThere(old, waste)) {
      deleteQuietly(waste);
    }
  }

  /** The directories that waited for a new one at a place: none, but after a kill. */
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

  /** What a chain of symbolic links leads to, whether it exists or not. */
  private static Path target(Path path) throws IOException {
    Path target = path.toAbsolutePath();
    for (int links = 0; Files.isSymbolicLink(target); links++) {
      if (links == MOST_LINKS) {
        throw new IOException(path + ": symbolic links must not lead in a circle");
      }
      target = target.resolveSibling(Files.readSymbolicLink(target));
    }
    return target;
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

  /** How the names of a path's hidden siblings start. */
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

  /** An error that names what was to be written, not the hidden place where it was written. */
  private static IOException blame(Path path, Path beside, IOException e) {
    if (e instanceof ClosedChannelException) {
      return e; // The thread was interrupted, which whoever did it looks for.
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

  /** What is left is waste, and the error or the success says more. */
  private static void deleteQuietly(Path path) {
    try {
      delete(path);
    } catch (IOException e) {
      // Its name says that it is unfinished.
    }
  }

  private static void delete(Path path) throws IOException {
    if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      MoreFiles.deleteRecursively(path, RecursiveDeleteOption.ALLOW_INSECURE);
    }
  }
}
