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
 * A lock that makes a process the only writer of something; it ends with the process at the latest.
 * It is an operating system lock on a small file with the process ID. The file is deleted when the
 * lock is released.
 */
public final class WriterLock implements Closeable {

  private static final Logger LOG = LoggerFactory.getLogger(WriterLock.class);

  /**
   * The locks of this process. The operating system assigns locks to processes, and releases a lock
   * as soon as its process closes the file anywhere, so the file must not be opened twice. Locks
   * that are unreachable have no effect.
   */
  private static final Map<Path, WeakReference<WriterLock>> HELD = new HashMap<>();

  /** Beyond the end of the file, because on Windows a locked byte cannot be read. */
  private static final long LOCKED_BYTE = Long.MAX_VALUE - 1;

  private static final int ATTEMPTS = 100;

  private final Path file;

  /** Null if files cannot be locked. */
  private final @Nullable FileChannel channel;

  private final @Nullable Object key;

  private WriterLock(Path file, @Nullable FileChannel channel) {
    this.file = file;
    this.channel = channel;
    this.key = key(file);
  }

  /**
   * Acquires the lock. If the file system does not support locks, or the file cannot be created, a
   * warning is logged and other processes are not prevented from writing.
   *
   * @param what the path that is protected, for messages
   * @param lockFile a file in an existing directory
   * @throws IOException if there is another writer; the message names the path, and its process if
   *     known
   */
  public static WriterLock take(Path what, Path lockFile) throws IOException {
    // An interrupt would close the channel and release the lock.
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
        LOG.warn("{}: other writers are not prevented because it cannot be locked: {}", what, e);
        return null;
      }
      if (lock == null) {
        String holder = holder(channel);
        close(channel);
        throw refusal(what, holder);
      }
      // The previous writer may have deleted the file after it was opened here and before it was
      // locked.
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
      // The disk is full, but the lock is valid.
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

  /** The file's unique key; null if there is none. */
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
      // Nothing important was written.
    }
  }

  /** Releases the lock. */
  @Override
  public void close() {
    synchronized (HELD) {
      WeakReference<WriterLock> held = HELD.get(file);
      if (held == null || held.get() != this) {
        return;
      }
      if (channel != null) {
        try {
          // The directory may have been replaced.
          if (Objects.equals(key, key(file))) {
            Files.deleteIfExists(file);
          }
        } catch (IOException e) {
          // The file stays, but has no meaning without its lock.
        }
        close(channel);
      }
      HELD.remove(file);
    }
  }
}
