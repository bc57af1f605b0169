package org.diffusion4j.data;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import javax.imageio.ImageIO;
import org.diffusion4j.internal.common.Shown;

/** Decides by name which files in a folder are images and which are ignored. */
final class ImageFormats {

  private static final String NONE = "without extension";
  private static final int MOST_SHOWN = 5;

  /** Other extensions of formats, by an extension that ImageIO knows. */
  private static final Map<String, List<String>> ALIASES =
      Map.of("jpg", List.of("jfif", "jpe", "jif", "pjp", "pjpeg"), "bmp", List.of("dib"));

  /** ImageIO plugins for other formats. */
  private static final Map<String, String> PLUGINS =
      Map.of("webp", "com.twelvemonkeys.imageio:imageio-webp");

  private static final Set<String> LEFTOVERS =
      Set.of(
          "thumbs.db",
          "ehthumbs.db",
          "ehthumbs_vista.db",
          "desktop.ini",
          "icon\r",
          "__macosx",
          "__pycache__",
          "@eadir",
          "@__thumb",
          "#recycle",
          "#snapshot",
          "$recycle.bin",
          "system volume information",
          "lost+found");

  private final Set<String> extensions = new TreeSet<>();

  private ImageFormats() {
    for (String suffix : ImageIO.getReaderFileSuffixes()) {
      extensions.add(suffix.toLowerCase(Locale.ROOT));
    }
    extensions.remove("");
    ALIASES.forEach(
        (known, others) -> extensions.addAll(extensions.contains(known) ? others : List.of()));
  }

  /** The formats that ImageIO can read now. */
  static ImageFormats readable() {
    return new ImageFormats();
  }

  boolean isImage(String fileName) {
    return extensions.contains(extension(fileName));
  }

  /** Whether it is hidden, or a file of a system or tool. */
  static boolean isLeftover(String name) {
    return name.startsWith(".") || LEFTOVERS.contains(name.toLowerCase(Locale.ROOT));
  }

  /** In lower case, without the dot. */
  static String extension(String fileName) {
    int dot = fileName.lastIndexOf('.');
    return dot < 0 ? NONE : fileName.substring(dot + 1).toLowerCase(Locale.ROOT);
  }

  /**
   * A summary such as {@code 19 webp, 1 txt}, most frequent first, and the plugins that could read
   * them.
   */
  String describe(Map<String, Integer> passedOver) {
    List<Map.Entry<String, Integer>> most =
        passedOver.entrySet().stream()
            .sorted(
                Map.Entry.<String, Integer>comparingByValue(Comparator.reverseOrder())
                    .thenComparing(Map.Entry.comparingByKey()))
            .toList();
    int rest = most.stream().skip(MOST_SHOWN).mapToInt(Map.Entry::getValue).sum();
    return most.stream()
            .limit(MOST_SHOWN)
            .map(e -> e.getValue() + " " + Shown.text(e.getKey(), 20))
            .collect(Collectors.joining(", "))
        + (rest == 0 ? "" : ", " + rest + " others")
        + PLUGINS.entrySet().stream()
            .filter(e -> passedOver.containsKey(e.getKey()) && !extensions.contains(e.getKey()))
            .map(e -> "; " + plugin(e.getKey()))
            .collect(Collectors.joining());
  }

  /** Describes content that no reader supports. */
  static String describe(byte[] head) {
    String text = new String(head, StandardCharsets.ISO_8859_1);
    if (text.startsWith("RIFF") && text.startsWith("WEBP", 8)) {
      return readable().isImage(".webp") ? "it is damaged WebP" : "it is WebP; " + plugin("webp");
    }
    return "ImageIO has no reader for its format: "
        + String.join(", ", new TreeSet<>(Arrays.asList(ImageIO.getReaderFileSuffixes())));
  }

  private static String plugin(String extension) {
    return PLUGINS.get(extension) + " on the class path reads " + extension;
  }
}
