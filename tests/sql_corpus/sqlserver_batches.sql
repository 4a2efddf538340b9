CREATE TABLE t (id INT, go INT);
INSERT INTO t VALUES (1, 2)
--|
GO
DECLARE @x INT = 1;
SELECT @x;
--|
GO
CREATE PROCEDURE p AS
SET NOCOUNT ON;
SELECT 1;
SELECT 2;
--|
go
/* a comment
GO
in it */
SELECT 'a
GO
b';
--|
  GO
EXEC p
--|
GO
