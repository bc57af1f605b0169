package org.diffusion4j.spark;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import javax.imageio.ImageIO;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.diffusion4j.data.ImageFiles;
import org.nd4j.linalg.api.ndarray.INDArray;

/** How a sample is stored in a row. */
enum SampleForm {
  /** Its values in C order. */
  VALUES("values") {
    @Override
    DataType type() {
      return ConditionRows.floats();
    }

    @Override
    Object of(INDArray sample) {
      try (INDArray copy = sample.dup('c')) {
        return scala.collection.immutable.ArraySeq.unsafeWrapArray(copy.data().asFloat());
      }
    }
  },

  /** A PNG file. */
  PNG("png") {
    @Override
    DataType type() {
      return DataTypes.BinaryType;
    }

    @Override
    Object of(INDArray sample) throws IOException {
      BufferedImage image = ImageFiles.image(sample);
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      ImageIO.write(sample.size(0) == 1 ? gray(image) : image, "png", bytes);
      return bytes.toByteArray();
    }
  };

  private final String column;

  SampleForm(String column) {
    this.column = column;
  }

  String column() {
    return column;
  }

  abstract DataType type();

  /**
   * A sample in this form.
   *
   * @param sample FLOAT {@code [sampleShape...]}
   */
  abstract Object of(INDArray sample) throws IOException;

  /** The same gray levels in one channel. */
  private static BufferedImage gray(BufferedImage image) {
    int width = image.getWidth();
    int height = image.getHeight();
    BufferedImage gray = new BufferedImage(width, height, BufferedImage.TYPE_BYTE_GRAY);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        gray.getRaster().setSample(x, y, 0, image.getRGB(x, y) & 0xff);
      }
    }
    return gray;
  }
}
