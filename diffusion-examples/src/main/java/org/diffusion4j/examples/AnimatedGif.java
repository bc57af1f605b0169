package org.diffusion4j.examples;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.ImageWriter;
import javax.imageio.metadata.IIOMetadata;
import javax.imageio.metadata.IIOMetadataNode;
import javax.imageio.stream.ImageOutputStream;
import org.w3c.dom.NodeList;

/** Writes GIF files that repeat a sequence of pictures without end. */
final class AnimatedGif {

  private static final String NATIVE = "javax_imageio_gif_image_1.0";

  private AnimatedGif() {}

  /**
   * Writes a file.
   *
   * @param frames pictures of one size, at least one
   * @param milliseconds how long each is shown, at least 10
   */
  static void write(Path file, List<BufferedImage> frames, int milliseconds) throws IOException {
    ImageWriter writer = ImageIO.getImageWritersByFormatName("gif").next();
    Files.deleteIfExists(file);
    try (ImageOutputStream out = ImageIO.createImageOutputStream(file.toFile())) {
      writer.setOutput(out);
      writer.prepareWriteSequence(null);
      for (BufferedImage frame : frames) {
        IIOMetadata metadata = writer.getDefaultImageMetadata(new ImageTypeSpecifier(frame), null);
        IIOMetadataNode root = (IIOMetadataNode) metadata.getAsTree(NATIVE);
        setTiming(root, milliseconds / 10);
        metadata.setFromTree(NATIVE, root);
        writer.writeToSequence(new IIOImage(frame, null, metadata), null);
      }
      writer.endWriteSequence();
    } finally {
      writer.dispose();
    }
  }

  /** GIF counts in hundredths of a second; the extension of Netscape has the repetitions, 0. */
  private static void setTiming(IIOMetadataNode root, int hundredths) {
    NodeList controls = root.getElementsByTagName("GraphicControlExtension");
    IIOMetadataNode control = (IIOMetadataNode) controls.item(0);
    control.setAttribute("delayTime", String.valueOf(hundredths));
    control.setAttribute("disposalMethod", "none");
    IIOMetadataNode extension = new IIOMetadataNode("ApplicationExtension");
    extension.setAttribute("applicationID", "NETSCAPE");
    extension.setAttribute("authenticationCode", "2.0");
    extension.setUserObject(new byte[] {1, 0, 0});
    IIOMetadataNode extensions = new IIOMetadataNode("ApplicationExtensions");
    extensions.appendChild(extension);
    root.appendChild(extensions);
  }
}
