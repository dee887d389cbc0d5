package io.github.attn4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPath;
import javax.xml.xpath.XPathConstants;
import javax.xml.xpath.XPathFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;

/**
 * Whoever imports the BOM gets every published artifact at the version of this build, and nothing
 * else.
 */
final class PackagingTest {
  private static final File ROOT = new File("..");

  private static Document pom(String folder) throws Exception {
    return DocumentBuilderFactory.newNSInstance()
        .newDocumentBuilder()
        .parse(new File(new File(ROOT, folder), "pom.xml"));
  }

  /** The texts at a path, names without their namespace. */
  private static List<String> texts(Document pom, String path) throws Exception {
    XPath xpath = XPathFactory.newInstance().newXPath();
    String anyNamespace = path.replaceAll("/(\\w[\\w.]*)", "/*[local-name()='$1']");
    NodeList nodes = (NodeList) xpath.evaluate(anyNamespace, pom, XPathConstants.NODESET);
    return IntStream.range(0, nodes.getLength())
        .mapToObj(n -> nodes.item(n).getTextContent())
        .toList();
  }

  private static boolean isPublished(String module) throws Exception {
    return !module.equals("attn4j-bom")
        && !texts(pom(module), "/project/properties/maven.install.skip").contains("true");
  }

  @Test
  void theBomHasWhatIsPublished() throws Exception {
    Document root = pom(".");
    Document bom = pom("attn4j-bom");
    List<String> published = new ArrayList<>();
    for (String module : texts(root, "/project/modules/module")) {
      if (isPublished(module)) {
        published.add(module);
      }
    }
    assertThat(published).contains("attn4j-core", "attn4j-cpu").doesNotContain("attn4j-bench");
    String managed = "/project/dependencyManagement/dependencies/dependency/";
    assertThat(texts(bom, managed + "artifactId")).containsExactlyInAnyOrderElementsOf(published);
    assertThat(texts(bom, managed + "version")).containsOnly("${project.version}");
    assertThat(texts(bom, "/project/version")).isEqualTo(texts(root, "/project/version"));
    assertThat(texts(bom, "/project/parent")).isEmpty();
  }
}
