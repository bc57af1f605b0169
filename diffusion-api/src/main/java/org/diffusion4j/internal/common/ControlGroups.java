package org.diffusion4j.internal.common;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/**
 * The control groups (v1 and v2) that limit the memory of this process, at every level: a group's
 * limit also applies to all groups below it.
 */
final class ControlGroups {

  /** The names of a version's files, and of the lines of {@code memory.stat} for the page cache. */
  private enum Version {
    V1("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    V2("memory.max", "memory.current", "inactive_file");

    final String limit;
    final String used;
    final String reclaimable;

    Version(String limit, String used, String reclaimable) {
      this.limit = limit;
      this.used = used;
      this.reclaimable = reclaimable;
    }
  }

  /** One group. */
  private record Level(Version version, SystemFile limit, SystemFile used, SystemFile stat) {

    static Level of(Version version, Path directory) {
      return new Level(
          version,
          new SystemFile(directory.resolve(version.limit)),
          new SystemFile(directory.resolve(version.used)),
          new SystemFile(directory.resolve("memory.stat")));
    }

    /** The memory that the group's limit leaves, or {@link Long#MAX_VALUE}. */
    long left() {
      // Without a limit, version 1 writes a number near 2^63 and version 2 writes "max".
      OptionalLong most = limit.number();
      if (most.isEmpty() || most.getAsLong() >= Long.MAX_VALUE / 2) {
        return Long.MAX_VALUE;
      }
      // Inactive page cache counts as used, but the system frees it on demand.
      long cache = SystemFile.number(stat.lines(), version.reclaimable).orElse(0);
      long held = Math.max(0, used.number().orElse(0) - cache);
      return MemoryLimits.lessMargin(most.getAsLong() - held, most.getAsLong());
    }
  }

  private final List<Level> levels;

  private ControlGroups(List<Level> levels) {
    this.levels = List.copyOf(levels);
  }

  /**
   * Finds the groups.
   *
   * @param root of the file system
   */
  static ControlGroups find(Path root) {
    List<Level> levels = new ArrayList<>();
    List<String> mounts = new SystemFile(root.resolve("proc/self/mountinfo")).lines();
    for (String line : new SystemFile(root.resolve("proc/self/cgroup")).lines()) {
      String[] group = line.split(":", 3);
      if (group.length == 3 && group[1].isEmpty()) {
        addLevels(root, mounts, Version.V2, group[2], levels);
      } else if (group.length == 3 && List.of(group[1].split(",")).contains("memory")) {
        addLevels(root, mounts, Version.V1, group[2], levels);
      }
    }
    return new ControlGroups(levels);
  }

  private static void addLevels(
      Path root, List<String> mounts, Version version, String group, List<Level> levels) {
    for (String line : mounts) {
      String[] sides = line.split(" - ", 2);
      String[] mount = sides[0].split(" ");
      String[] source = sides.length == 2 ? sides[1].split(" ") : new String[0];
      if (mount.length >= 5 && source.length >= 1 && isOf(version, source)) {
        Path top = root.resolve(unescaped(mount[4]).substring(1)).normalize();
        Path directory = top.resolve(below(unescaped(mount[3]), group)).normalize();
        for (Path p = directory; p != null && p.startsWith(top); p = p.getParent()) {
          Level level = Level.of(version, p);
          if (level.limit.exists()) {
            levels.add(level);
          }
        }
        return;
      }
    }
  }

  private static boolean isOf(Version version, String[] source) {
    return switch (version) {
      case V1 ->
          source[0].equals("cgroup")
              && source.length >= 3
              && List.of(source[2].split(",")).contains("memory");
      case V2 -> source[0].equals("cgroup2");
    };
  }

  /**
   * The group's path relative to the mount point; nothing if it lies elsewhere, as in a container.
   */
  private static String below(String mounted, String group) {
    String path = "";
    if (mounted.equals("/")) {
      path = group;
    } else if (group.equals(mounted) || group.startsWith(mounted + "/")) {
      path = group.substring(mounted.length());
    }
    return path.contains("..") ? "" : path.replaceFirst("^/+", "");
  }

  /** Replaces {@code \040} by a space. */
  private static String unescaped(String path) {
    return path.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\");
  }

  /** The memory that the strictest group leaves, or {@link Long#MAX_VALUE}. */
  long left() {
    long left = Long.MAX_VALUE;
    for (Level level : levels) {
      left = Math.min(left, level.left());
    }
    return left;
  }
}
