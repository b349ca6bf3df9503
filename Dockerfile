# Finds the action units of a rendered face, on the processor:
#   docker build -t duchenne . && docker run --rm duchenne
# and in pictures of your own:
#   docker run --rm -v "$PWD:/data" duchenne detect portrait.jpg --output portrait.csv
FROM python:3.11-slim

WORKDIR /opt/duchenne
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
RUN python -m pip install --no-cache-dir --constraint constraints.txt ".[parquet]" \
    && cp src/duchenne/samples/face.jpg /opt/face.jpg \
    && useradd --uid 1000 --create-home duchenne \
    && mkdir /data && chown duchenne /data

USER 1000
WORKDIR /data
ENTRYPOINT ["duchenne"]
CMD ["detect", "/opt/face.jpg", "--overlay", "/tmp/face_overlay.png"]
