package org.diffusion4j.internal;

import java.io.Closeable;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The right to be the only writer of something, which ends with its process at the latest. It is a
 * lock of the operating system on a small file that holds the number of the process; the file is
 * deleted when the right is given back.
 */
public final class WriterLock implements Closeable {

  private static final Logger LOG = LoggerFactory.getLogger(WriterLock.class);

  /**
   * The locks of this process. The operating system gives its locks to processes, and takes one
   * away as soon as its process closes the file anywhere: so no second one is opened here. Those
   * that nobody can close any more hold nothing.
   */
  private static final Map<Path, WeakReference<WriterLock>> HELD = new HashMap<>();

  /** Beyond what is written, for elsewhere than on POSIX a locked byte cannot be read. */
  private static final long LOCKED_BYTE = Long.MAX_VALUE - 1;

  private static final int ATTEMPTS = 100;

  private final Path file;

  /** Null where files cannot be locked. */
  private final @Nullable FileChannel channel;

  private final @Nullable Object key;

  private WriterLock(Path file, @Nullable FileChannel channel) {
    this.file = file;
    this.channel = channel;
    this.key = key(file);
  }

  /**
   * Takes the right. Where the file system knows no locks, or the file cannot be made, this is said
   * in a warning, and other processes are not kept away.
   *
   * @param what has one writer, for messages
   * @param lockFile in a directory that exists
   * @throws IOException naming what has a writer, and its process where known, if there is one
   */
  public static WriterLock take(Path what, Path lockFile) throws IOException {
    // An interrupt would close the channel, and with it the lock.
    boolean interrupted = Thread.interrupted();
    try {
      return takeNow(what, lockFile);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static WriterLock takeNow(Path what, Path lockFile) throws IOException {
    Path parent = Objects.requireNonNull(lockFile.toAbsolutePath().getParent(), "parent");
    Path file = parent.toRealPath().resolve(String.valueOf(lockFile.getFileName()));
    synchronized (HELD) {
      HELD.values().removeIf(held -> held.get() == null);
      if (HELD.containsKey(file)) {
        throw refusal(what, "this process, " + ProcessHandle.current().pid() + ",");
      }
      WriterLock lock = new WriterLock(file, open(what, file));
      HELD.put(file, new WeakReference<>(lock));
      return lock;
    }
  }

  private static @Nullable FileChannel open(Path what, Path file) throws IOException {
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      FileChannel channel = null;
      FileLock lock;
      Object before;
      try {
        channel =
            FileChannel.open(
                file,
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                LinkOption.NOFOLLOW_LINKS);
        before = key(file);
        lock = channel.tryLock(LOCKED_BYTE, 1, false);
      } catch (OverlappingFileLockException e) {
        throw refusal(what, "this process, " + ProcessHandle.current().pid() + ",");
      } catch (IOException e) {
        close(channel);
        LOG.warn("{}: other writers are not kept away, for it cannot be locked: {}", what, e);
        return null;
      }
      if (lock == null) {
        String holder = holder(channel);
        close(channel);
        throw refusal(what, holder);
      }
      // The writer before may have deleted the file between its opening and its locking.
      if (before != null && before.equals(key(file))) {
        sign(channel);
        return channel;
      }
      close(channel);
    }
    throw refusal(what, "another process");
  }

  private static IOException refusal(Path what, String holder) {
    return new IOException(
        what
            + ": must have one writer but "
            + holder
            + " writes there; end it, or choose another place");
  }

  private static void sign(FileChannel channel) {
    byte[] pid = Long.toString(ProcessHandle.current().pid()).getBytes(StandardCharsets.US_ASCII);
    try {
      channel.truncate(0);
      channel.write(ByteBuffer.wrap(pid), 0);
    } catch (IOException e) {
      // The disk is full: the lock holds all the same.
    }
  }

  private static String holder(FileChannel channel) {
    ByteBuffer pid = ByteBuffer.allocate(20);
    try {
      int length = Math.max(0, channel.read(pid, 0));
      String text = new String(pid.array(), 0, length, StandardCharsets.US_ASCII);
      return text.matches("\\d+") ? "process " + text : "another process";
    } catch (IOException e) {
      return "another process";
    }
  }

  /** What tells a file from others; null if there is none. */
  private static @Nullable Object key(Path file) {
    try {
      BasicFileAttributes attributes =
          Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      Object key = attributes.fileKey();
      return key == null ? attributes.creationTime() : key;
    } catch (IOException e) {
      return null;
    }
  }

  private static void close(@Nullable FileChannel channel) {
    try {
      if (channel != null) {
        channel.close();
      }
    } catch (IOException e) {
      // Nothing was written that matters.
    }
  }

  /** Gives the right back. */
  @Override
  public void close() {
    synchronized (HELD) {
      WeakReference<WriterLock> held = HELD.get(file);
      if (held == null || held.get() != this) {
        return;
      }
      if (channel != null) {
        try {
          // The directory may be another by now.
          if (Objects.equals(key, key(file))) {
            Files.deleteIfExists(file);
          }
        } catch (IOException e) {
          // It stays, and says nothing without its lock.
        }
        close(channel);
      }
      HELD.remove(file);
    }
  }
}
